package vppsim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"go.fd.io/govpp/api"
	"go.fd.io/govpp/codec"
)

// The socket transport puts 16 bytes before each message: 8 for VPP's own use,
// the length, 4 more (msgbuf_t in src/vlibmemory). maxMessage is our own limit.
const (
	frameHeader = 16
	lengthAt    = 8
	maxMessage  = 1 << 20
)

// client is one connection to the API socket. Replies go through a queue of any
// length: a client that doesn't read must not stop the others.
type client struct {
	index  uint32
	conn   net.Conn
	table  table
	events bool // want_interface_events
	pid    uint32

	mu     sync.Mutex
	wake   *sync.Cond
	out    []byte
	closed bool
}

func (s *Sim) admit(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		_ = conn.Close()
		return
	}
	// VPP's indices are no small numbers; 0 never is one.
	s.nextClient++
	c := &client{index: s.nextClient << 8, conn: conn, table: s.table}
	c.wake = sync.NewCond(&c.mu)
	s.clients[c.index] = c
	s.wg.Go(c.write)
	s.wg.Go(func() { s.read(c) })
}

// read handles the requests of a client until it leaves.
func (s *Sim) read(c *client) {
	in := bufio.NewReader(c.conn)
	for {
		data, err := readMessage(in)
		if err != nil {
			break
		}
		if s.receive(c, data); s.ctx.Err() != nil {
			break
		}
	}
	c.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c.index)
}

func readMessage(in io.Reader) ([]byte, error) {
	header := make([]byte, frameHeader)
	if _, err := io.ReadFull(in, header); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[lengthAt:])
	if size > maxMessage {
		return nil, errors.New("message too long")
	}
	data := make([]byte, size)
	_, err := io.ReadFull(in, data)
	return data, err
}

// send queues a message. The word after the id is the context of a reply and
// the client's own index in an event; where the index comes first, as in a
// request's layout, the context follows it.
func (c *client) send(m api.Message, context uint32) {
	data, err := codec.EncodeMsg(m, c.table.id(m))
	if err != nil {
		panic(err) // a message that we filled in doesn't encode
	}
	switch m.GetMessageType() {
	case api.ReplyMessage:
		binary.BigEndian.PutUint32(data[2:], context)
	case api.RequestMessage:
		binary.BigEndian.PutUint32(data[6:], context)
	case api.EventMessage:
		binary.BigEndian.PutUint32(data[2:], c.index)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	header := make([]byte, frameHeader)
	binary.BigEndian.PutUint32(header[lengthAt:], uint32(len(data)))
	c.out = append(append(c.out, header...), data...)
	c.wake.Signal()
}

// write drains the queue; what is queued before a close still goes out.
func (c *client) write() {
	defer c.conn.Close()
	for {
		data, ok := c.take()
		if !ok {
			return
		}
		if _, err := c.conn.Write(data); err != nil {
			return
		}
	}
}

func (c *client) take() ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) == 0 && !c.closed {
		c.wake.Wait()
	}
	data := c.out
	c.out = nil
	return data, len(data) > 0
}

// finish closes the connection after what is queued.
func (c *client) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.wake.Signal()
}

// close drops the connection with all that is queued.
func (c *client) close() {
	c.mu.Lock()
	c.out = nil
	c.mu.Unlock()
	c.finish()
	_ = c.conn.Close()
}
