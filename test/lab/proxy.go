package lab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/memclnt"
	"go.fd.io/govpp/codec"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
)

// Proxy stands between clients and a VPP's API socket, counts the requests and
// refuses, holds or cuts off as its injector says. It works for a real VPP as
// for the simulator.
type Proxy struct {
	// Path is the socket to connect to instead of VPP's.
	Path string

	target   string
	injector *fault.Injector
	listener net.Listener
	clients  sync.WaitGroup

	mu   sync.Mutex
	seen []string
}

// NewProxy listens at path for the VPP whose API socket is at target.
func NewProxy(path, target string, faults ...fault.Fault) (*Proxy, error) {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	p := &Proxy{Path: path, target: target, injector: fault.NewInjector(faults...), listener: listener}
	go p.serve()
	return p, nil
}

// Close ends the proxy and all its clients' connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.clients.Wait()
	return err
}

// Seen lists the names of the requests so far, in their order.
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.clients.Go(func() {
			defer client.Close()
			if err := p.relay(client); err != nil && !hasEnded(err) {
				fmt.Fprintln(os.Stderr, "proxy:", err)
			}
		})
	}
}

// hasEnded tells that one of both sides is gone, as by being killed.
func hasEnded(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// relay serves one client until one of both sides ends.
func (p *Proxy) relay(client net.Conn) error {
	vpp, err := net.Dial("unix", p.target)
	if err != nil {
		return nil // to the client this looks like a VPP that dies
	}
	defer vpp.Close()
	fromClient, fromVPP := bufio.NewReader(client), bufio.NewReader(vpp)
	names, err := handshake(client, vpp, fromClient, fromVPP)
	if err != nil {
		return err
	}
	p.clients.Go(func() {
		defer client.Close()
		_, _ = io.Copy(client, fromVPP) // ends with either side
	})
	for {
		frame, err := readFrame(fromClient)
		if err != nil {
			return err
		}
		name := names[binary.BigEndian.Uint16(frame[frameHeader:])]
		forward, err := p.judge(client, frame, name, names)
		if err != nil {
			return err
		}
		if !forward {
			continue
		}
		if _, err := vpp.Write(frame); err != nil {
			return err
		}
	}
}

// judge tells whether a message goes on to VPP. What asks for nothing isn't
// counted.
func (p *Proxy) judge(client net.Conn, frame []byte, name string, names table) (bool, error) {
	message := name[:max(strings.LastIndexByte(name, '_'), 0)]
	if message == "sockclnt_delete" || message == "control_ping" { // leave-taking, and the end of a dump
		return !p.injector.Hung(), nil
	}
	p.mu.Lock()
	p.seen = append(p.seen, message)
	p.mu.Unlock()
	switch action, struck := p.injector.Next(message); action {
	case fault.Refuse:
		if strings.HasSuffix(message, "_dump") {
			return true, nil // it has no reply that could refuse it
		}
		return false, refuse(client, frame, name, names, struck.Retval)
	case fault.Die:
		return false, io.EOF
	case fault.Hang:
		return false, nil
	}
	return true, nil
}

// table maps message ids to "name_crc".
type table map[uint16]string

func (t table) id(name string) (uint16, bool) {
	for id, known := range t {
		if known == name {
			return id, true
		}
	}
	return 0, false
}

// handshake lets the client register and learns the message ids.
func handshake(client, vpp net.Conn, fromClient, fromVPP *bufio.Reader) (table, error) {
	request, err := readFrame(fromClient)
	if err != nil {
		return nil, err
	}
	if _, err := vpp.Write(request); err != nil {
		return nil, err
	}
	answer, err := readFrame(fromVPP)
	if err != nil {
		return nil, err
	}
	var reply memclnt.SockclntCreateReply
	if err := codec.DecodeMsg(answer[frameHeader:], &reply); err != nil {
		return nil, err
	}
	names := table{}
	for _, entry := range reply.MessageTable {
		name, _, _ := strings.Cut(entry.Name, "\x00")
		names[entry.Index] = strings.TrimSuffix(name, "\x13")
	}
	_, err = client.Write(answer)
	return names, err
}

// refuse answers a request in VPP's place.
func refuse(client net.Conn, frame []byte, name string, names table, retval int32) error {
	request, ok := api.GetRegisteredMessages()["go.fd.io/govpp/binapi"][name]
	if !ok {
		return fmt.Errorf("can't refuse %s: its layout is unknown", name)
	}
	answer := fault.Refusal(request, retval)
	if answer == nil || reflect.ValueOf(answer).IsNil() {
		return fmt.Errorf("can't refuse %s: it has no reply", name)
	}
	id, ok := names.id(answer.GetMessageName() + "_" + answer.GetCrcString())
	if !ok {
		return fmt.Errorf("can't refuse %s: VPP has no such reply", name)
	}
	body, err := codec.EncodeMsg(answer, id)
	if err != nil {
		return err
	}
	const requestContext, replyContext = 6, 2 // offsets in the message
	copy(body[replyContext:replyContext+4], frame[frameHeader+requestContext:])
	header := make([]byte, frameHeader)
	binary.BigEndian.PutUint32(header[8:], uint32(len(body)))
	_, err = client.Write(append(header, body...))
	return err
}

// frameHeader is the length of what precedes each message on the socket.
const frameHeader = 16

// readFrame returns a message with its header.
func readFrame(r io.Reader) ([]byte, error) {
	header := make([]byte, frameHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	frame := append(header, make([]byte, binary.BigEndian.Uint32(header[8:]))...)
	_, err := io.ReadFull(r, frame[frameHeader:])
	return frame, err
}
