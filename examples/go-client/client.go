package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

const (
	alpn     = "rcgw/1"
	maxFrame = 64 << 20
	window   = 1 << 20
)

// frame is one frame that has come; the body is msgpack that has not been read.
type frame struct {
	header map[string]any
	body   []byte
}

func (f frame) kind() string {
	kind, _ := f.header["kind"].(string)
	return kind
}

func (f frame) id() int64 {
	id, _ := f.header["id"].(int64)
	return id
}

// last says whether nothing more of an answer comes: an error ends it, a response unless it says otherwise, a part only if it says so.
func (f frame) last() bool {
	last, said := f.header["last"].(bool)
	switch f.kind() {
	case "response":
		return last || !said
	case "part":
		return last
	}
	return true
}

// Failure is an error as REST shows it.
type Failure struct {
	Status int64
	Body   any
}

func (f *Failure) Error() string {
	text, _ := json.Marshal(f.Body)
	return string(text)
}

// Client is a greeted connection; any number of goroutines may ask over it.
type Client struct {
	Welcome map[string]any

	conn   net.Conn
	writes sync.Mutex // over choosing an id and sending it: ids rise on the wire

	mutex   sync.Mutex
	lastID  int64
	waiting map[int64]*answer
	ended   error
}

// answer collects the frames of one request. The credit bounds what waits here.
type answer struct {
	mutex  sync.Mutex
	frames []frame
	ended  error
	more   chan struct{}
}

func (a *answer) put(f *frame, ended error) {
	a.mutex.Lock()
	if f != nil {
		a.frames = append(a.frames, *f)
	}
	if ended != nil {
		a.ended = ended
	}
	a.mutex.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
}

func (a *answer) next(ctx context.Context) (frame, error) {
	for {
		a.mutex.Lock()
		if len(a.frames) > 0 {
			first := a.frames[0]
			a.frames = a.frames[1:]
			a.mutex.Unlock()
			return first, nil
		}
		ended := a.ended
		a.mutex.Unlock()
		if ended != nil {
			return frame{}, ended
		}
		select {
		case <-a.more:
		case <-ctx.Done():
			return frame{}, ctx.Err()
		}
	}
}

// Dial connects and greets. hello may have credentials, user and headers, which hold for all requests.
func Dial(ctx context.Context, address string, config *tls.Config, hello map[string]any) (*Client, error) {
	config = config.Clone()
	config.NextProtos = []string{alpn}
	raw, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if chosen := raw.(*tls.Conn).ConnectionState().NegotiatedProtocol; chosen != alpn {
		raw.Close()
		return nil, fmt.Errorf("the other end does not speak %s", alpn)
	}
	c := &Client{conn: raw, waiting: map[int64]*answer{}}
	greeting := map[string]any{
		"kind": "hello", "versions": []any{1}, "name": "go-client", "limits": map[string]any{"frame": maxFrame},
	}
	for key, value := range hello {
		greeting[key] = value
	}
	if err = c.send(greeting, nil); err == nil {
		var first frame
		if first, err = c.receive(); err == nil && first.kind() != "welcome" {
			err = fmt.Errorf("no welcome: %v", first.header["reason"])
		}
		c.Welcome = first.header
	}
	if err != nil {
		raw.Close()
		return nil, err
	}
	go c.read()
	return c, nil
}

// Close ends the connection and cancels what runs.
func (c *Client) Close() error { return c.conn.Close() }

// Call makes a request and waits for its whole answer: the status and the body. An error that the other end tells is a *Failure.
func (c *Client) Call(ctx context.Context, request map[string]any, body any) (int64, any, error) {
	id, came, err := c.ask(request, body)
	if err != nil {
		return 0, nil, err
	}
	first, err := c.await(ctx, id, came)
	if err != nil {
		return 0, nil, err
	}
	shown, err := unpack(first.body)
	return status(first), shown, err
}

// Stream makes a request whose hits come in parts. head is called with the answer without its hits, then each with one hit after the
// other; what either returns as an error ends the stream. No more than about window bytes wait in this program.
func (c *Client) Stream(ctx context.Context, request map[string]any, body any, credit int, head, each func(any) error) error {
	with := map[string]any{"stream": credit}
	for key, value := range request {
		with[key] = value
	}
	id, came, err := c.ask(with, body)
	if err != nil {
		return err
	}
	for begun := false; ; begun = true {
		f, err := c.await(ctx, id, came)
		if err != nil {
			return err
		}
		shown, err := unpack(f.body)
		if err == nil && !begun {
			err = head(shown)
		} else if err == nil {
			hits, _ := shown.([]any)
			for _, hit := range hits {
				if err = each(hit); err != nil {
					break
				}
			}
		}
		if f.last() {
			return err
		}
		if err == nil && begun {
			err = c.send(map[string]any{"kind": "credit", "id": id, "bytes": len(f.body)}, nil)
		}
		if err != nil {
			c.cancel(id)
			return err
		}
	}
}

// Ping is answered by a pong, which is read and passed over: it keeps the connection alive.
func (c *Client) Ping() error { return c.send(map[string]any{"kind": "ping"}, nil) }

func (c *Client) ask(request map[string]any, body any) (int64, *answer, error) {
	header := map[string]any{"kind": "request"}
	for key, value := range request {
		header[key] = value
	}
	var packed []byte
	if body != nil {
		var err error
		if packed, err = pack(nil, body); err != nil {
			return 0, nil, err
		}
	}
	c.writes.Lock()
	defer c.writes.Unlock()
	came := &answer{more: make(chan struct{}, 1)}
	c.mutex.Lock()
	if c.ended != nil {
		c.mutex.Unlock()
		return 0, nil, c.ended
	}
	c.lastID++
	id := c.lastID
	c.waiting[id] = came
	c.mutex.Unlock()
	header["id"] = id
	return id, came, c.write(header, packed)
}

// await is the next frame of an answer; the request is cancelled where nobody waits any longer.
func (c *Client) await(ctx context.Context, id int64, came *answer) (frame, error) {
	f, err := came.next(ctx)
	if err != nil {
		if ctx.Err() != nil {
			c.cancel(id)
		}
		return frame{}, err
	}
	if f.kind() != "error" {
		return f, nil
	}
	shown, err := unpack(f.body)
	if err != nil {
		return frame{}, err
	}
	return frame{}, &Failure{status(f), shown}
}

// cancel leaves the request to be answered all the same; that answer is dropped.
func (c *Client) cancel(id int64) {
	c.mutex.Lock()
	_, open := c.waiting[id]
	c.mutex.Unlock()
	if open {
		c.send(map[string]any{"kind": "cancel", "id": id}, nil)
	}
}

func (c *Client) read() {
	for {
		f, err := c.receive()
		switch {
		case err != nil:
		case f.kind() == "ping":
			err = c.send(map[string]any{"kind": "pong"}, nil)
		case f.kind() == "goaway":
			c.mutex.Lock()
			c.ended = fmt.Errorf("the other end takes no more requests: %v", f.header["reason"])
			c.mutex.Unlock()
		case f.kind() == "response" || f.kind() == "part" || f.kind() == "error":
			c.mutex.Lock()
			came := c.waiting[f.id()]
			if f.last() {
				delete(c.waiting, f.id())
			}
			c.mutex.Unlock()
			if came == nil {
				err = fmt.Errorf("a %s for the request %d, which is not open", f.kind(), f.id())
			} else {
				came.put(&f, nil)
			}
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

func (c *Client) end(err error) {
	c.conn.Close()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ended == nil {
		c.ended = err
	}
	for _, came := range c.waiting {
		came.put(nil, c.ended)
	}
}

func (c *Client) send(header map[string]any, body []byte) error {
	c.writes.Lock()
	defer c.writes.Unlock()
	return c.write(header, body)
}

func (c *Client) write(header map[string]any, body []byte) error {
	packed, err := pack(nil, header)
	if err != nil {
		return err
	}
	whole := make([]byte, 8, 8+len(packed)+len(body))
	binary.BigEndian.PutUint32(whole, uint32(4+len(packed)+len(body)))
	binary.BigEndian.PutUint32(whole[4:], uint32(len(packed)))
	_, err = c.conn.Write(append(append(whole, packed...), body...))
	return err
}

func (c *Client) receive() (frame, error) {
	var sizes [8]byte
	if _, err := io.ReadFull(c.conn, sizes[:]); err != nil {
		return frame{}, err
	}
	length, size := binary.BigEndian.Uint32(sizes[:]), binary.BigEndian.Uint32(sizes[4:])
	if length > maxFrame || length < 4 || size > length-4 {
		return frame{}, fmt.Errorf("a frame of %d bytes with a header of %d", length, size)
	}
	data := make([]byte, length-4)
	if _, err := io.ReadFull(c.conn, data); err != nil {
		return frame{}, err
	}
	header, err := unpack(data[:size])
	if err != nil {
		return frame{}, err
	}
	said, isMap := header.(map[string]any)
	if !isMap {
		return frame{}, errors.New("a header that is no map")
	}
	return frame{said, data[size:]}, nil
}

func status(f frame) int64 {
	if said, isInt := f.header["status"].(int64); isInt {
		return said
	}
	return 200
}
