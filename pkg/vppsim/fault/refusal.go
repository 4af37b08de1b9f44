package fault

import (
	"path"
	"reflect"

	"go.fd.io/govpp/api"
)

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
