package fault

import (
	"fmt"
	"path"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"go.fd.io/govpp/api"
)

// Action is what happens to a message.
type Action string

// The actions. Pass is the absence of a fault.
const (
	Pass   Action = ""
	Refuse Action = "refuse" // a negative retval and no effect; a dump is empty
	Hang   Action = "hang"   // no answer to this or any later message
	Die    Action = "die"    // the process is gone
)

// Fault strikes once: at the Nth message (from 1) of that name, or of any name
// when Message is "".
type Fault struct {
	Action  Action
	Message string
	N       int
	Retval  int32 // of a refusal
}

// Parse reads ACTION:N, ACTION:MESSAGE or ACTION:MESSAGE:N, and after a refusal
// =RETVAL, which is -1 when left out: "die:7", "refuse:memif_create_v2:2=-14".
func Parse(s string) (Fault, error) {
	f := Fault{N: 1, Retval: -1}
	where, retval, given := strings.Cut(s, "=")
	parts := strings.Split(where, ":")
	f.Action = Action(parts[0])
	ok := f.Action == Refuse || (f.Action == Hang || f.Action == Die) && !given
	ok = ok && (len(parts) == 2 || len(parts) == 3) && f.locate(parts[1:])
	if given {
		v, err := strconv.ParseInt(retval, 10, 32)
		ok = ok && err == nil && v < 0
		f.Retval = int32(v)
	}
	if !ok {
		return Fault{}, fmt.Errorf("fault %q: want refuse, hang or die, then :N, :MESSAGE or :MESSAGE:N, then for refuse =RETVAL below 0", s)
	}
	return f, nil
}

func (f *Fault) locate(where []string) bool {
	number := where[len(where)-1]
	n, err := strconv.Atoi(number)
	switch {
	case err == nil:
		f.N = n
		where = where[:len(where)-1]
	case len(where) == 2:
		return false
	}
	if len(where) == 1 {
		f.Message = where[0]
		return f.N > 0 && f.Message != ""
	}
	return f.N > 0
}

// Injector counts the messages of one VPP, over all of its clients.
type Injector struct {
	mu     sync.Mutex
	faults []Fault
	total  int
	named  map[string]int
	hung   bool
}

// NewInjector starts counting at zero.
func NewInjector(faults ...Fault) *Injector {
	return &Injector{faults: faults, named: map[string]int{}}
}

// Next counts a request and returns its fate, with the fault behind a Refuse.
// Requests of the handshake (sockclnt_create and _delete) are not for counting.
func (i *Injector) Next(name string) (Action, Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.total++
	i.named[name]++
	for _, f := range i.faults {
		if f.Message == "" && f.N == i.total || f.Message == name && f.N == i.named[name] {
			i.hung = i.hung || f.Action == Hang
			return f.Action, f
		}
	}
	if i.hung {
		return Hang, Fault{Action: Hang}
	}
	return Pass, Fault{}
}

// Hung says whether a Hang has struck, so that not even a handshake is answered.
func (i *Injector) Hung() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hung
}

// Refusal is the reply that refuses a request: the request's reply message with
// the retval set and nothing else. It is nil for a message without such a
// reply, as a dump is: there, silence is the refusal.
func Refusal(request api.Message, retval int32) api.Message {
	name := request.GetMessageName() + "_reply"
	pkg := path.Dir(reflect.TypeOf(request).Elem().PkgPath())
	for _, m := range api.GetRegisteredMessages()[pkg] {
		if m.GetMessageName() != name {
			continue
		}
		reply := reflect.New(reflect.TypeOf(m).Elem())
		if field := reply.Elem().FieldByName("Retval"); field.IsValid() {
			field.SetInt(int64(retval))
			return reply.Interface().(api.Message)
		}
	}
	return nil
}
