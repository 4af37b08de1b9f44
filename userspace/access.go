package userspace

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"slices"
	"strconv"

	"github.com/userspace-cni/userspace-cni/pkg/kube"
	"github.com/userspace-cni/userspace-cni/pkg/netconf"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// socketMode is a socket's where the network says nothing: connecting needs the
// right to write.
const socketMode = 0o660

// access finds out who in the pod may use what we put into the shared
// directory: as the network says, else by the pod's security context, else the
// group of its volume; root where none of them names anybody.
func (c *call) access() (shareddir.Access, error) {
	socket := c.conf.Host.Socket()
	uid, err := account(socket.OwnerField, socket.Owner, userID)
	if err != nil {
		return shareddir.Access{}, err
	}
	gid, err := account(socket.GroupField, socket.Group, groupID)
	if err != nil {
		return shareddir.Access{}, err
	}
	if c.pod != nil {
		if uid, gid, err = c.podAccess(uid, gid); err != nil {
			return shareddir.Access{}, err
		}
	}
	mode, given := socket.Permissions()
	if !given {
		mode = socketMode
	}
	return shareddir.Access{UID: orRoot(uid), GID: orRoot(gid), Mode: mode}, nil
}

// podAccess fills in what the network leaves open.
func (c *call) podAccess(uid, gid *int) (owner, group *int, err error) {
	socket, users := c.conf.Host.Socket(), c.pod.Users()
	who := users[0]
	if i := slices.IndexFunc(users, kube.Security.IsOther); i >= 0 {
		who = users[i] // root passes anyway
	}
	owner = cmp.Or(uid, toInt(who.RunAsUser))
	group = cmp.Or(gid, toInt(c.pod.FSGroup), toInt(who.RunAsGroup))
	if group == nil {
		if group, err = c.volumeGroup(); err != nil {
			return nil, nil, err
		}
	}
	// Where there is no socket's file there is nothing that only some may use but a
	// contract with a secret.
	isNeeded := !socket.Abstract || socket.Secret
	if isNeeded && owner == nil && group == nil && slices.ContainsFunc(users, kube.Security.IsUnknown) {
		return nil, nil, netconf.Errors{{
			Field: "host." + socket.OwnerField, Problem: "is missing, and the pod runs as a user that only its image knows (runAsNonRoot)",
			Allowed: fmt.Sprintf("%s or %s in the network, or runAsUser or fsGroup in the pod's securityContext", socket.OwnerField, socket.GroupField),
		}}
	}
	for _, other := range users {
		if isNeeded && uid == nil && gid == nil && c.pod.FSGroup == nil && other.IsOther() && *other.RunAsUser != *who.RunAsUser {
			c.log.Warn("a container of the pod may not use the socket: its user is another one than the socket's; a common fsGroup would mend it",
				"user", *other.RunAsUser, "owner", *who.RunAsUser)
		}
	}
	return owner, group, nil
}

// volumeGroup is the group of the pod's volume; nil where there is none, or
// root's.
func (c *call) volumeGroup() (*int, error) {
	if c.volume == nil {
		return nil, nil
	}
	_, gid, err := c.volume.Owner()
	if errors.Is(err, fs.ErrNotExist) { // it is yet to be made, by us
		return nil, nil
	}
	if err != nil || gid == 0 {
		return nil, err
	}
	return &gid, nil
}

// account is the number of a user or group; nil where there is no name.
func account(field, name string, lookup func(string) (string, error)) (*int, error) {
	if name == "" {
		return nil, nil
	}
	if id, err := strconv.Atoi(name); err == nil {
		return &id, nil
	}
	found, err := lookup(name)
	if err == nil {
		var id int
		if id, err = strconv.Atoi(found); err == nil {
			return &id, nil
		}
	}
	return nil, netconf.Errors{{
		Field: "host." + field, Value: strconv.Quote(name), Problem: fmt.Sprintf("isn't known on this node (%v)", err),
		Allowed: "a name in the node's /etc/passwd or /etc/group, or a number",
	}}
}

func userID(name string) (string, error) {
	found, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return found.Uid, nil
}

func groupID(name string) (string, error) {
	found, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return found.Gid, nil
}

func toInt(id *int64) *int {
	if id == nil {
		return nil
	}
	n := int(*id)
	return &n
}

func orRoot(id *int) int {
	if id == nil {
		return 0
	}
	return *id
}

// listening is the file of the socket that the host's end makes; empty where it
// is the pod that makes it, or there is no file.
func (c *call) listening() string {
	if socket := c.conf.Host.Socket(); socket.Abstract || !socket.Listens {
		return ""
	}
	return c.socketName()
}

// grant lets the pod use the socket that the vswitch has made for it.
func (c *call) grant(record *state.Record) error {
	if record.Listening == "" {
		return nil
	}
	return dirOf(record).Grant(record.Listening, record.Access)
}
