package memif

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/clibsocket"
)

const (
	retryEvery = 250 * time.Millisecond // VPP: 3 s
	// handshakeTime bounds what VPP leaves unbounded: a master that never answers.
	handshakeTime = 3 * time.Second
)

// Dial makes a slave, which connects to the socket (in Listen's notation) as
// soon as it is up, and again whenever its master has gone.
func (h *Host) Dial(socket string, cfg Config) *Endpoint {
	e := newEndpoint(cfg, Slave, nil)
	h.wg.Go(func() { e.dialForever(h, socket) })
	return e
}

func (e *Endpoint) dialForever(h *Host, socket string) {
	for e.ctx.Err() == nil {
		if e.isUp() && e.claim() == nil {
			e.unclaim(e.dial(h, socket))
		}
		e.pause()
	}
}

func (e *Endpoint) isUp() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.up
}

// pause waits for the next attempt; who is down sleeps until SetUp.
func (e *Endpoint) pause() {
	var retry <-chan time.Time
	if e.isUp() {
		timer := time.NewTimer(retryEvery)
		defer timer.Stop()
		retry = timer.C
	}
	select {
	case <-retry:
	case <-e.kick:
	case <-e.ctx.Done():
	}
}

// dial makes one connection and serves it to its end. That nobody listens is
// the normal state of a slave, not a reason to show.
func (e *Endpoint) dial(h *Host, socket string) error {
	a, err := clibsocket.Parse(socket)
	if err != nil {
		return err
	}
	conn, err := a.Dial()
	if err != nil {
		return nil
	}
	l := &link{control: control{conn}, role: Slave, mode: e.cfg.Mode}
	defer l.release()
	stop := context.AfterFunc(e.ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(handshakeTime))
	if err := e.introduce(h, l); err != nil {
		if !errors.Is(err, errDisconnected) {
			l.refuse(err.Error())
		}
		return err
	}
	_ = conn.SetDeadline(time.Time{})
	return e.serve(l)
}

// introduce is the slave's half of the handshake. VPP waits for each ACK before
// it sends the next message, and so do we.
func (e *Endpoint) introduce(h *Host, l *link) error {
	m, err := l.expect(typeHello)
	if err != nil {
		return err
	}
	hello, err := decodeBody[helloBody](m)
	if err != nil {
		return err
	}
	if hello.MinVersion > version || hello.MaxVersion < version {
		return errors.New("incompatible protocol version")
	}
	l.remoteName = text(hello.Name[:])
	body := initBody{Version: version, ID: e.cfg.ID, Mode: e.cfg.Mode, Name: named(h.name)}
	fill(body.Secret[:], e.cfg.Secret)
	if err := l.request(typeInit, body, -1); err != nil {
		return err
	}
	if err := e.share(l, hello); err != nil {
		return err
	}
	return e.connect(l)
}

// share creates the memory and tells the master where everything is: rings
// first, slave-to-master before master-to-slave, then the buffers in the same
// order (memif_init_regions_and_queues).
func (e *Endpoint) share(l *link, hello helloBody) error {
	log2 := min(e.cfg.Log2RingSize, hello.MaxLog2RingSize)
	s2m := min(int(e.cfg.TxQueues), int(hello.MaxS2MRing)+1)
	m2s := min(int(e.cfg.RxQueues), int(hello.MaxM2SRing)+1)
	rings := s2m + m2s
	bufferBytes := uint32(e.cfg.BufferSize) << log2
	r, fd, err := createRegion(rings * int(ringBytes(log2)+bufferBytes))
	if err != nil {
		return err
	}
	defer closeFD(fd)
	l.regions = []region{r}
	e.negotiated(log2)
	if err := l.request(typeAddRegion, addRegionBody{Size: uint64(len(r.mem))}, fd); err != nil {
		return err
	}
	for i := range rings {
		b := buffers{uint32(rings)*ringBytes(log2) + uint32(i)*bufferBytes, uint32(e.cfg.BufferSize)}
		if err := l.shareRing(i, s2m, log2, b); err != nil {
			return err
		}
	}
	return nil
}

// negotiated records what VPP keeps in mif->run, even after a disconnect.
func (e *Endpoint) negotiated(log2 uint8) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.Log2RingSize, e.status.BufferSize = log2, e.cfg.BufferSize
}

// shareRing makes ring i of all, of which the first s2m run towards the master.
func (l *link) shareRing(i, s2m int, log2 uint8, b buffers) error {
	offset := uint32(i) * ringBytes(log2)
	r, err := newRing(l.regions[0], offset, log2)
	if err != nil {
		return err
	}
	*r.cookie = ringCookie
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	q := &queue{ring: r, s2m: i < s2m, fd: fd, buffers: b}
	body := addRingBody{Index: uint16(i - s2m), Offset: offset, Log2RingSize: log2}
	if q.s2m {
		body.Index, body.Flags = uint16(i), ringFlagS2M
		l.s2m = append(l.s2m, q)
	} else {
		l.m2s = append(l.m2s, q)
	}
	return l.request(typeAddRing, body, fd)
}

func (e *Endpoint) connect(l *link) error {
	if err := l.send(typeConnect, connectBody{named(e.cfg.IfName)}); err != nil {
		return err
	}
	m, err := l.expect(typeConnected)
	if err != nil {
		return err
	}
	body, err := decodeBody[connectBody](m)
	l.remoteIf = text(body.IfName[:])
	// Not any earlier: DPDK's master puts the rings to zero as it connects.
	for _, q := range l.m2s {
		q.offer()
	}
	return err
}
