package suite

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/userspace-cni/userspace-cni/pkg/vppsim/fault"
	"github.com/userspace-cni/userspace-cni/test/lab"
)

// call makes a CNI call and notes it.
func (s *schedule) call(how string, call lab.Call, of string) (lab.Reply, error) {
	reply, err := lab.CNI(bin, call)
	s.did("%s %s: %v", how, of, reply.Error())
	return reply, err
}

func (s *schedule) add(on *slot) error {
	reply, err := s.call("add", on.lab("ADD"), on.String())
	if err != nil {
		return err
	}
	return on.added(reply)
}

func (s *schedule) del(on *slot) error {
	reply, err := s.call("del", on.lab("DEL"), on.String())
	if err == nil {
		err = reply.Error()
	}
	if err != nil {
		return fmt.Errorf("DEL of %s: %w", on, err)
	}
	on.deleted()
	return nil
}

// check passes for what is attached and intact, and for nothing else.
func (s *schedule) check(on *slot) error {
	reply, err := s.call("check", on.lab("CHECK"), on.String())
	if err != nil {
		return err
	}
	want := uint(102)
	if on.is == attached {
		want = 0
	}
	if reply.Code != want {
		return fmt.Errorf("CHECK of %s, which is %s: code %d, want %d: %w", on, on.is, reply.Code, want, reply.Error())
	}
	return nil
}

// collection is a GC of a network that keeps some of its attachments.
func (s *schedule) collection(on *lane, keep func() bool) (call lab.Call, gone []*slot, name string) {
	var kept []attachment
	for _, other := range s.slots {
		switch {
		case other.on != on:
		case keep():
			kept = append(kept, other.attachment)
		default:
			gone = append(gone, other)
		}
	}
	conf := maps.Clone(on.conf)
	maps.Copy(conf, valid(kept...))
	name = fmt.Sprintf("%s, keeping %d", on.conf["name"], len(kept))
	return lab.Call{Command: "GC", Config: encode(s.T, conf)}, gone, name
}

func (s *schedule) half() bool  { return s.rand.IntN(2) == 0 }
func (s *schedule) never() bool { return false }

func (s *schedule) gc(on *slot) error    { return s.collect(on.on, s.half) }
func (s *schedule) gcAll(on *slot) error { return s.collect(on.on, s.never) }

func (s *schedule) collect(on *lane, keep func() bool) error {
	call, gone, name := s.collection(on, keep)
	reply, err := s.call("gc", call, name)
	if err == nil {
		err = reply.Error()
	}
	if err != nil {
		return fmt.Errorf("GC of %s: %w", name, err)
	}
	for _, other := range gone {
		other.deleted()
	}
	return nil
}

// proxied puts a fault before VPP while something is done.
func (s *schedule) proxied(f fault.Fault, do func(struck func() bool) error) error {
	proxy, err := lab.NewProxy(filepath.Join(s.dir, "fault"), s.host.APISocket, f)
	if err != nil {
		return err
	}
	defer proxy.Close()
	s.link(proxy.Path, s.socket)
	defer s.link(s.host.APISocket, s.socket)
	return do(func() bool {
		n := 0
		for _, message := range proxy.Seen() {
			if f.Message == "" || f.Message == message {
				n++
			}
		}
		return n >= f.N
	})
}

// kill ends a call when it sends its n-th message to VPP.
func (s *schedule) kill(on *slot) error {
	command, n := []string{"ADD", "ADD", "DEL", "DEL", "GC"}[s.rand.IntN(5)], 1+s.rand.IntN(16)
	call, gone, name := on.lab(command), []*slot{on}, on.String()
	if command == "GC" {
		call, gone, name = s.collection(on.on, s.half)
	}
	return s.proxied(fault.Fault{Action: fault.Hang, N: n}, func(struck func() bool) error {
		reply, ended, err := s.killWhen(call, struck)
		switch {
		case err != nil:
			return err
		case !ended:
			s.did("Kill %s at message %d of %s", command, n, name)
			for _, other := range gone {
				other.killed(command)
			}
			return nil
		}
		s.did("(%s of %s has no message %d: %v)", command, name, n, reply.Error())
		return s.finished(command, gone, reply)
	})
}

// finished is a call about all of these that ended as if nothing had been.
func (s *schedule) finished(command string, all []*slot, reply lab.Reply) error {
	if command == "ADD" {
		return all[0].added(reply)
	}
	if err := reply.Error(); err != nil {
		return err
	}
	for _, on := range all {
		on.deleted()
	}
	return nil
}

// killWhen kills a call as soon as a condition comes true, unless it has ended.
func (s *schedule) killWhen(call lab.Call, condition func() bool) (reply lab.Reply, ended bool, err error) {
	running, err := lab.Start(bin, call)
	if err != nil {
		return reply, false, err
	}
	for limit := time.After(time.Minute); ; {
		select {
		case <-running.Ended():
			reply, err = running.Reply()
			return reply, true, err
		case <-limit:
			running.Kill()
			return reply, false, fmt.Errorf("%s has neither ended nor sent that message", call.Command)
		case <-time.After(time.Millisecond):
			if condition() {
				running.Kill()
				return reply, false, nil
			}
		}
	}
}

// refusable are the messages that VPP may refuse. A dump has no refusal: one
// that is empty says that there is nothing.
var refusable = []string{
	"memif_socket_filename_add_del_v2", "memif_create_v2", "memif_delete",
	"sw_interface_tag_add_del", "sw_interface_set_mtu", "sw_interface_set_flags",
	"bridge_domain_add_del_v2", "sw_interface_set_l2_bridge", "create_vlan_subif", "delete_subif",
	"ip_table_add_del", "create_loopback_instance", "delete_loopback", "sw_interface_set_table",
	"sw_interface_add_del_address", "sw_interface_set_unnumbered", "ip_route_add_del",
}

func (s *schedule) refuse(on *slot) error {
	message, n := refusable[s.rand.IntN(len(refusable))], 1+s.rand.IntN(2)
	return s.fail(on, "Refuse "+message, fault.Fault{Action: fault.Refuse, Message: message, N: n, Retval: -1}, 100)
}

// drop cuts the connection.
func (s *schedule) drop(on *slot) error {
	return s.fail(on, "Drop at", fault.Fault{Action: fault.Die, N: 1 + s.rand.IntN(16)}, 11)
}

// fail makes an ADD, a DEL or a GC that a fault may strike.
func (s *schedule) fail(on *slot, what string, f fault.Fault, code uint) error {
	command := []string{"ADD", "ADD", "DEL", "GC"}[s.rand.IntN(4)]
	call, about, name := on.lab(command), []*slot{on}, on.String()
	if command == "GC" {
		call, about, name = s.collection(on.on, s.half)
	}
	return s.proxied(f, func(struck func() bool) error {
		reply, err := s.call(fmt.Sprintf("%s %d in %s", what, f.N, command), call, name)
		if err != nil {
			return err
		}
		if reply.Error() == nil {
			if on.is == attached && struck() { // it couldn't look, and made the endpoint again
				on.is = broken
			}
			return s.finished(command, about, reply)
		}
		if !struck() || reply.Code != code {
			return fmt.Errorf("%s of %s failed (was its fault met: %t) with code %d, want %d: %w", command, name, struck(), reply.Code, code, reply.Error())
		}
		if f.Action == fault.Die && command != "ADD" {
			return fmt.Errorf("%s of %s, which can look again: %w", command, name, reply.Error())
		}
		for _, other := range about {
			other.failed()
		}
		return nil
	})
}

func (s *schedule) restart(*slot) error {
	s.did("Restart VPP")
	if err := s.host.Kill(); err != nil {
		return err
	}
	s.lost()
	return s.start()
}

func (s *schedule) start() error {
	if err := s.host.Start(); err != nil {
		return err
	}
	s.prepare()
	return nil
}

// lost is what has become of everything when VPP has ended.
func (s *schedule) lost() {
	for _, on := range s.slots {
		if on.is == attached {
			on.is = broken
		}
	}
}

// outage makes a call while VPP is not running.
func (s *schedule) outage(on *slot) error {
	if err := s.host.Kill(); err != nil {
		return err
	}
	s.lost()
	if s.half() {
		reply, err := s.call("Outage, add", on.lab("ADD"), on.String())
		if err != nil {
			return err
		}
		if reply.Code != 11 {
			return fmt.Errorf("ADD without VPP: code %d, want 11: %w", reply.Code, reply.Error())
		}
		on.failed()
	} else {
		s.did("Outage")
		if err := s.del(on); err != nil {
			return err
		}
	}
	return s.start()
}

// addressesIn are those of an ADD's reply, as text.
func addressesIn(reply lab.Reply) (string, int, error) {
	result, err := reply.Result()
	if err != nil {
		return "", 0, err
	}
	text, err := json.Marshal(result.IPs)
	return string(text), len(result.IPs), err
}
