package vppapi

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/binapi/memclnt"
)

// sockclnt_create has a fixed id, known before the message table is
// (src/vlibmemory/memclnt_api.c).
const sockclntCreateID = 15

// Conn is one client of one VPP. Its methods may be called from several
// goroutines. Close must be called.
type Conn struct {
	socket net.Conn
	client uint32
	table  table
	types  func() map[uint16]reflect.Type

	writing chan struct{} // has room for one token: one frame at a time

	mu       sync.Mutex // guards what follows
	context  uint32     // of the last request
	inbox    map[uint32]*queue
	watchers map[uint16][]*watcher

	stuck atomic.Bool // a call was left unanswered

	gone     chan struct{} // closed when the reader has ended
	goneWhy  error         // set before gone is closed
	isClosed bool
}

var _ api.Connection = (*Conn)(nil)

// Dial connects to the VPP whose API socket is at path (at most 107 bytes) and
// registers a client under the given name. It fails with ErrNotRunning when
// nobody listens there and with ErrNoAnswer when the context ends first.
func Dial(ctx context.Context, path, name string) (*Conn, error) {
	socket, err := dialSocket(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	conn := &Conn{
		socket:   socket,
		writing:  make(chan struct{}, 1),
		inbox:    map[uint32]*queue{},
		watchers: map[uint16][]*watcher{},
		gone:     make(chan struct{}),
	}
	reader := bufio.NewReaderSize(socket, 64<<10)
	if err := conn.register(ctx, reader, name); err != nil {
		socket.Close()
		return nil, fmt.Errorf("register with VPP at %s: %w", path, err)
	}
	conn.types = sync.OnceValue(conn.table.typesByID)
	go conn.read(reader)
	return conn, nil
}

// dialSocket tries again while VPP's listen queue is full: it holds five, and
// the kernel refuses the sixth of a burst at once (EAGAIN) instead of waiting.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	pause := time.Millisecond
	late := "it does not accept"
	for {
		socket, err := dialer.DialContext(ctx, "unix", path)
		switch {
		case err == nil:
			return socket, nil
		case isNobody(err):
			return nil, fmt.Errorf("%w: %w", ErrNotRunning, err)
		case errors.Is(err, syscall.EAGAIN):
			late = "its listen queue stayed full"
		case isLate(ctx, err):
			return nil, fmt.Errorf("%w: %s: %w", ErrNoAnswer, late, err)
		default:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s: %w", ErrNoAnswer, late, ctx.Err())
		case <-time.After(pause):
			pause = min(2*pause, 20*time.Millisecond)
		}
	}
}

// isLate tells whether an attempt to connect failed for want of time: a dialer
// looks at the clock itself, and may be earlier than the context.
func isLate(ctx context.Context, err error) bool {
	var timeout net.Error
	return ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout()
}

// isNobody tells whether an attempt to connect shows that no VPP has its API
// there: there is no socket, or one of another type.
func isNobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EPROTOTYPE)
}

// register introduces the client and receives the message table.
func (c *Conn) register(ctx context.Context, reader *bufio.Reader, name string) error {
	// The reader has no context of its own: the end of ours ends its reads.
	stop := context.AfterFunc(ctx, func() { _ = c.socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	frame, err := encode(&memclnt.SockclntCreate{Name: name}, sockclntCreateID, 0, 1)
	if err != nil {
		return err
	}
	if _, err := c.socket.Write(frame); err != nil {
		return c.lost(ctx, err)
	}
	data, err := readFrame(reader)
	if errors.Is(err, errNoFrame) {
		return fmt.Errorf("%w: what listens there is something else: %w", ErrNotRunning, err)
	}
	if err != nil {
		return c.lost(ctx, err)
	}
	c.client, c.table, err = parseTable(data)
	if err != nil {
		return err
	}
	if !stop() {
		return fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx))
	}
	return nil
}

func (c *Conn) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // the socket's clock was first
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return fmt.Errorf("%w: %w", ErrConnectionLost, err)
}

// read hands every incoming message to whoever waits for it, until the
// connection ends.
func (c *Conn) read(reader *bufio.Reader) {
	for {
		data, err := readFrame(reader)
		if err != nil {
			c.end(fmt.Errorf("%w: %w", ErrConnectionLost, unexpected(err)))
			return
		}
		c.deliver(reply{id: uint16(data[0])<<8 | uint16(data[1]), data: data})
	}
}

// unexpected is the reason without io.EOF, which is how the generated clients
// end a dump: one that is cut short is not one that has nothing.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *Conn) deliver(r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Events first: where a reply has its context, they have a client index.
	if watchers := c.watchers[r.id]; len(watchers) > 0 {
		for _, w := range watchers {
			w.queue.put(r)
		}
		return
	}
	if waiting, ok := c.inbox[c.answers(r)]; ok {
		waiting.put(r)
	}
}

// answers returns the context that a message answers. Some details are laid out as
// requests are, with a client index before the context, which VPP leaves 0
// (sw_interface_rx_placement_details in src/vnet/interface.api). No request of
// ours has the context 0.
func (c *Conn) answers(r reply) uint32 {
	if context := r.context(); context != 0 || len(r.data) < requestHeader {
		return context
	}
	t, ok := c.types()[r.id]
	if !ok || reflect.New(t).Interface().(api.Message).GetMessageType() != api.RequestMessage {
		return 0
	}
	return binary.BigEndian.Uint32(r.data[requestContextOffset:])
}

func (c *Conn) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed {
		why = net.ErrClosed
	}
	c.goneWhy = why
	close(c.gone)
}

// Gone is closed when the connection has ended, by Close or by VPP.
func (c *Conn) Gone() <-chan struct{} { return c.gone }

// How long Close waits for VPP's farewell: long enough for one on a busy
// machine, and next to nothing for one that has left a call unanswered.
const (
	leaveTimeout      = 3 * time.Second
	leaveTimeoutStuck = 50 * time.Millisecond
)

// Close ends the connection and every call, stream and watcher on it, after
// taking leave of VPP. To close the socket without a word is dangerous: VPP
// removes such clients later, from its main loop, and when sixteen of them wait
// for that its poll for events never ends (seen on 26.06; vlib_file_poll in
// src/vlib/file.c starts again while sixteen files are ready).
func (c *Conn) Close() error {
	timeout := leaveTimeout
	if c.stuck.Load() {
		timeout = leaveTimeoutStuck
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	// Whatever comes of it, the socket is closed next.
	_ = c.Invoke(ctx, &memclnt.SockclntDelete{Index: c.client}, &memclnt.SockclntDeleteReply{})
	return c.closeSocket()
}

func (c *Conn) closeSocket() error {
	c.mu.Lock()
	already := c.isClosed
	c.isClosed = true
	c.mu.Unlock()
	if already {
		return nil
	}
	err := c.socket.Close()
	<-c.gone
	return err
}

// Supports returns an UnknownMessageError for each of the messages that this
// VPP doesn't have in the layout that we speak.
func (c *Conn) Supports(messages ...api.Message) error {
	var missing []error
	for _, msg := range messages {
		if _, err := c.table.id(msg); err != nil {
			missing = append(missing, err)
		}
	}
	return errors.Join(missing...)
}

// send writes a request under the given number of a context. A frame that couldn't be
// written whole ends the connection: VPP would take the next one for its rest.
func (c *Conn) send(ctx context.Context, msg api.Message, number uint32) error {
	id, err := c.table.id(msg)
	if err != nil {
		return err
	}
	frame, err := encode(msg, id, c.client, number)
	if err != nil {
		return err
	}
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNoAnswer, context.Cause(ctx))
	}
	deadline, _ := ctx.Deadline() // the zero time means none
	if err := c.socket.SetWriteDeadline(deadline); err != nil {
		return c.lost(ctx, err)
	}
	written, err := c.socket.Write(frame)
	if err == nil {
		return nil
	}
	if written > 0 {
		c.socket.Close()
	}
	return c.lost(ctx, err)
}

// open returns a queue that receives the replies of a new context number.
func (c *Conn) open() (uint32, *queue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Without the high bit, which is set in our client index: where a reply has
	// its context, an event that nobody watches any more has that index
	// (SOCK_API_REG_HANDLE_BIT in src/vlibmemory/socket_api.c).
	c.context = (c.context + 1) &^ (1 << 31)
	q := newQueue()
	c.inbox[c.context] = q
	return c.context, q
}

func (c *Conn) forget(context uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inbox, context)
}
