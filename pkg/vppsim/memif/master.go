package memif

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// greet serves one client of a listener: HELLO out, INIT in, then the master
// that INIT names takes over.
func (l *Listener) greet(c control) {
	defer c.conn.Close()
	e, body, err := l.meet(c)
	l.forget(c.conn)
	if err != nil {
		c.refuse(err.Error())
		return
	}
	e.unclaim(e.welcome(c, body))
}

// meet learns which master a client wants, and reserves it.
func (l *Listener) meet(c control) (*Endpoint, initBody, error) {
	var body initBody
	if err := c.send(typeHello, l.host.hello()); err != nil {
		return nil, body, err
	}
	m, err := c.expect(typeInit)
	if err != nil {
		return nil, body, err
	}
	if body, err = decodeBody[initBody](m); err != nil {
		return nil, body, err
	}
	if body.Version != version {
		return nil, body, errors.New("unsupported version")
	}
	e, err := l.master(body.ID)
	if err != nil {
		return nil, body, err
	}
	return e, body, e.claim()
}

func (h *Host) hello() helloBody {
	return helloBody{
		Name: named(h.name), MinVersion: version, MaxVersion: version,
		MaxRegion: maxRegions, MaxM2SRing: maxRings, MaxS2MRing: maxRings,
		MaxLog2RingSize: maxLog2RingSize,
	}
}

// welcome takes the slave's memory and rings until its CONNECT, then serves.
func (e *Endpoint) welcome(c control, body initBody) error {
	l := &link{control: c, role: Master, mode: e.cfg.Mode, remoteName: text(body.Name[:])}
	defer l.release()
	stop := context.AfterFunc(e.ctx, func() { _ = c.conn.Close() })
	defer stop()
	err := e.admit(body)
	if err == nil {
		err = c.send(typeAck, ackBody{})
	}
	if err == nil {
		err = l.build()
	}
	if err != nil {
		c.refuse(err.Error())
		return err
	}
	if err := c.send(typeConnected, connectBody{named(e.cfg.IfName)}); err != nil {
		return err
	}
	return e.serve(l)
}

// admit checks INIT; the order and the words are VPP's.
func (e *Endpoint) admit(body initBody) error {
	switch secret := text(body.Secret[:]); {
	case body.Mode != e.cfg.Mode:
		return errors.New("mode mismatch")
	case e.cfg.Secret == "":
		return nil
	case secret == "":
		return errors.New("secret required")
	case secret != e.cfg.Secret:
		return errors.New("incorrect secret")
	}
	return nil
}

// build receives regions and rings; CONNECT ends it.
func (l *link) build() error {
	for {
		m, err := l.recv()
		if err != nil {
			return err
		}
		switch m.kind {
		case typeAddRegion:
			err = l.addRegion(m)
		case typeAddRing:
			err = l.addRing(m)
		case typeConnect:
			closeFD(m.fd)
			body, err := decodeBody[connectBody](m)
			l.remoteIf = text(body.IfName[:])
			return err
		case typeDisconnect:
			err = disconnected(m)
		default:
			err = fmt.Errorf("unknown message type (0x%x)", m.kind)
		}
		if err == nil {
			err = l.send(typeAck, ackBody{})
		}
		if err != nil {
			closeFD(m.fd)
			return err
		}
	}
}

func (l *link) addRegion(m message) error {
	body, err := decodeBody[addRegionBody](m)
	switch {
	case err != nil:
		return err
	case m.fd < 0:
		return errors.New("missing memory region fd")
	case int(body.Index) != len(l.regions):
		return errors.New("unexpected region index")
	case body.Index >= maxRegions:
		return errors.New("too many regions")
	}
	r, err := mapRegion(m.fd, body.Size)
	if err != nil {
		return err
	}
	l.regions = append(l.regions, r)
	return unix.Close(m.fd)
}

func (l *link) addRing(m message) error {
	body, err := decodeBody[addRingBody](m)
	if err != nil {
		return err
	}
	s2m := body.Flags&ringFlagS2M != 0
	queues := &l.m2s
	if s2m {
		queues = &l.s2m
	}
	switch {
	case m.fd < 0:
		return errors.New("missing ring interrupt fd")
	case body.PrivateHdrSize != 0:
		return errors.New("private headers not supported")
	case int(body.Index) != len(*queues):
		return errors.New("unexpected ring index")
	case body.Index >= maxRings:
		return errors.New("too many rings")
	case int(body.Region) >= len(l.regions):
		return errors.New("ring in an unknown region")
	}
	r, err := newRing(l.regions[body.Region], body.Offset, body.Log2RingSize)
	if err != nil {
		return err
	}
	if err := checkEvent(m.fd); err != nil {
		return err
	}
	*queues = append(*queues, &queue{ring: r, s2m: s2m, fd: m.fd})
	return nil
}
