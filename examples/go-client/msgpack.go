package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"unicode/utf8"
)

// maxDepth is how deep an answer may be nested.
const maxDepth = 500

var errShort = errors.New("msgpack: it ends too early")

// pack appends a value of JSON: nil, bool, int, int64, uint64, float64, json.Number, string, []any, map[string]any.
func pack(to []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(to, 0xc0), nil
	case bool:
		if v {
			return append(to, 0xc3), nil
		}
		return append(to, 0xc2), nil
	case int:
		return packInt(to, int64(v)), nil
	case int64:
		return packInt(to, v), nil
	case uint64:
		return binary.BigEndian.AppendUint64(append(to, 0xcf), v), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("msgpack: %v is not a number of JSON", v)
		}
		return binary.BigEndian.AppendUint64(append(to, 0xcb), math.Float64bits(v)), nil
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return packInt(to, whole), nil
		}
		float, err := v.Float64()
		if err != nil {
			return nil, err
		}
		return pack(to, float)
	case string:
		return append(packSize(to, len(v), 0xa0, 31, 0xd9, 0xda, 0xdb), v...), nil
	case []string:
		to = packSize(to, len(v), 0x90, 15, 0, 0xdc, 0xdd)
		for _, each := range v {
			to, _ = pack(to, each)
		}
		return to, nil
	case []any:
		to = packSize(to, len(v), 0x90, 15, 0, 0xdc, 0xdd)
		var err error
		for _, each := range v {
			if to, err = pack(to, each); err != nil {
				return nil, err
			}
		}
		return to, nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		to = packSize(to, len(v), 0x80, 15, 0, 0xde, 0xdf)
		var err error
		for _, key := range keys {
			to, _ = pack(to, key)
			if to, err = pack(to, v[key]); err != nil {
				return nil, err
			}
		}
		return to, nil
	}
	return nil, fmt.Errorf("msgpack: %T is not a value of JSON", value)
}

func packInt(to []byte, v int64) []byte {
	if v >= -32 && v <= 127 {
		return append(to, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(to, 0xd3), uint64(v))
}

// packSize appends the first bytes of a string, an array or a map; code8 is 0 where there is no form with one byte of size.
func packSize(to []byte, size int, fix byte, fixMost int, code8, code16, code32 byte) []byte {
	switch {
	case size <= fixMost:
		return append(to, fix|byte(size))
	case code8 != 0 && size < 1<<8:
		return append(to, code8, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(to, code16), uint16(size))
	}
	return binary.BigEndian.AppendUint32(append(to, code32), uint32(size))
}

// unpack is the one value that the bytes are.
func unpack(data []byte) (any, error) {
	value, rest, err := unpackNext(data, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("msgpack: %d bytes too many", len(rest))
	}
	return value, err
}

func unpackNext(data []byte, depth int) (any, []byte, error) {
	if len(data) == 0 {
		return nil, nil, errShort
	}
	code, rest := data[0], data[1:]
	switch {
	case code <= 0x7f || code >= 0xe0:
		return int64(int8(code)), rest, nil
	case code <= 0x8f:
		return unpackMap(rest, int(code&0x0f), depth)
	case code <= 0x9f:
		return unpackArray(rest, int(code&0x0f), depth)
	case code <= 0xbf:
		return unpackString(rest, int(code&0x1f))
	case code == 0xc0:
		return nil, rest, nil
	case code == 0xc2 || code == 0xc3:
		return code == 0xc3, rest, nil
	}
	// What is left has a number of 1, 2, 4 or 8 bytes next: the value, or a size.
	width := map[byte]int{
		0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8,
		0xd9: 1, 0xda: 2, 0xdb: 4, 0xdc: 2, 0xdd: 4, 0xde: 2, 0xdf: 4,
	}[code]
	if width == 0 {
		return nil, nil, fmt.Errorf("msgpack: the type 0x%02x is not one of JSON", code)
	}
	if len(rest) < width {
		return nil, nil, errShort
	}
	var number uint64
	for _, each := range rest[:width] {
		number = number<<8 | uint64(each)
	}
	rest = rest[width:]
	switch code {
	case 0xca:
		return float64(math.Float32frombits(uint32(number))), rest, nil
	case 0xcb:
		return math.Float64frombits(number), rest, nil
	case 0xcc, 0xcd, 0xce:
		return int64(number), rest, nil
	case 0xcf:
		if number > math.MaxInt64 {
			return number, rest, nil
		}
		return int64(number), rest, nil
	case 0xd0:
		return int64(int8(number)), rest, nil
	case 0xd1:
		return int64(int16(number)), rest, nil
	case 0xd2:
		return int64(int32(number)), rest, nil
	case 0xd3:
		return int64(number), rest, nil
	case 0xd9, 0xda, 0xdb:
		return unpackString(rest, int(number))
	case 0xdc, 0xdd:
		return unpackArray(rest, int(number), depth)
	}
	return unpackMap(rest, int(number), depth)
}

func unpackString(data []byte, size int) (any, []byte, error) {
	if size > len(data) {
		return nil, nil, errShort
	}
	if !utf8.Valid(data[:size]) {
		return nil, nil, errors.New("msgpack: a string that is not UTF-8")
	}
	return string(data[:size]), data[size:], nil
}

// Each element has one byte at least, so a count that is only claimed reserves no memory.
func checkContainer(data []byte, elements, depth int) error {
	if elements > len(data) {
		return errShort
	}
	if depth >= maxDepth {
		return fmt.Errorf("msgpack: nested deeper than %d", maxDepth)
	}
	return nil
}

func unpackArray(data []byte, count, depth int) (any, []byte, error) {
	if err := checkContainer(data, count, depth); err != nil {
		return nil, nil, err
	}
	values := make([]any, count)
	var err error
	for place := range values {
		if values[place], data, err = unpackNext(data, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return values, data, nil
}

func unpackMap(data []byte, count, depth int) (any, []byte, error) {
	if err := checkContainer(data, 2*count, depth); err != nil {
		return nil, nil, err
	}
	values := make(map[string]any, count)
	for ; count > 0; count-- {
		key, rest, err := unpackNext(data, depth+1)
		if err != nil {
			return nil, nil, err
		}
		name, isText := key.(string)
		if !isText {
			return nil, nil, errors.New("msgpack: a key that is not a string")
		}
		if _, twice := values[name]; twice {
			return nil, nil, fmt.Errorf("msgpack: the key %q comes twice", name)
		}
		if values[name], data, err = unpackNext(rest, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return values, data, nil
}
