// Asks a gateway over its native protocol, and prints what it answers as JSON.
//
//	go run . -address gateway.example.com:9443 -ca ca.crt -hello hello.json search '{"indices": ["logs-*"]}' '{"size": 3}'
//
// hello.json says who asks, as docs/native-protocol.md has it: {"credentials": "…", "user": {"username": "ada", …}}.
// With -stream each hit is a line of its own, after the answer without them.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	err := run()
	var failure *Failure
	if errors.As(err, &failure) {
		fmt.Println(failure)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run() error {
	address := flag.String("address", "localhost:9443", "host and port")
	ca := flag.String("ca", "", "PEM file of the authority that the gateway's certificate is of")
	certificate := flag.String("cert", "", "PEM file of this client's certificate, for port 9300")
	key := flag.String("key", "", "PEM file of its key")
	hello := flag.String("hello", "", "JSON file: who asks")
	stream := flag.Bool("stream", false, "let hits come in parts")
	credit := flag.Int("credit", window, "bytes of hits that may come at once")
	timeout := flag.Duration("timeout", time.Minute, "after which the request is cancelled")
	flag.Parse()
	if flag.NArg() < 1 {
		return errors.New("usage: go-client [flags] METHOD [REQUEST [BODY]], the last two in JSON")
	}
	config, err := tlsConfig(*ca, *certificate, *key)
	if err != nil {
		return err
	}
	greeting, request := map[string]any{}, map[string]any{}
	var body any
	if *hello != "" {
		text, err := os.ReadFile(*hello)
		if err == nil {
			err = parse(string(text), &greeting)
		}
		if err != nil {
			return err
		}
	}
	if err = parse(flag.Arg(1), &request); err == nil {
		err = parse(flag.Arg(2), &body)
	}
	if err != nil {
		return err
	}
	request["method"] = flag.Arg(0)
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	client, err := Dial(ctx, *address, config, greeting)
	if err != nil {
		return err
	}
	defer client.Close()
	if *stream {
		return client.Stream(ctx, request, body, *credit, show, show)
	}
	_, answer, err := client.Call(ctx, request, body)
	if err != nil {
		return err
	}
	return show(answer)
}

func tlsConfig(ca, certificate, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("no certificate in %s", ca)
		}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func parse(text string, into any) error {
	if text == "" {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func show(value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		_, err = fmt.Println(string(text))
	}
	return err
}
