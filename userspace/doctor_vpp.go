package userspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/userspace-cni/userspace-cni/cnivpp"
	"github.com/userspace-cni/userspace-cni/pkg/vppapi"
)

// Releases that the suite runs on, as they are written in a version text.
const (
	oldestTested = "23.06"
	newestTested = "26.06"
)

// running asks whether there is a VPP, and one that we know.
func (p *patient) running(context.Context) diagnosis {
	if p.vppErr != nil {
		return failed(p.vppErr.Error(), p.wakeVPP())
	}
	found := fmt.Sprintf("%s answers at %s", p.vpp.Release, p.apiSocket)
	switch {
	case p.vpp.Release == "":
		return warning("VPP answers at "+p.apiSocket+", but does not say its release", "run one of "+oldestTested+" to "+newestTested)
	case !isTested(p.vpp.Release):
		return warning(found+"; releases "+oldestTested+" to "+newestTested+" are tested",
			"run one of these, or try this one by the project's tests: VPP=/path/to/vpp make test")
	}
	return well(found)
}

// isTested compares year and month: "v26.06-release" has them after the v.
func isTested(release string) bool {
	month := strings.TrimPrefix(release, "v")
	month = month[:min(len(month), len(oldestTested))]
	return oldestTested <= month && month <= newestTested
}

// wakeVPP says what helps against why VPP can't be asked.
func (p *patient) wakeVPP() string {
	switch {
	case errors.Is(p.vppErr, vppapi.ErrNotRunning):
		return "start it (systemctl start vpp). If it runs, its socket is elsewhere: see socksvr { socket-name ... } in its startup.conf, " +
			"and name that by vppApiSocket in the network or in the node settings, here by --vpp-api-socket"
	case errors.Is(p.vppErr, vppapi.ErrNoAnswer):
		return "its main thread is busy or stopped: if vppctl show version does not answer either, restart it (systemctl restart vpp)"
	case errors.Is(p.vppErr, fs.ErrPermission):
		return "run this as root, as the runtime runs the plugin"
	}
	return "look at VPP's log (journalctl -u vpp), and restart it (systemctl restart vpp)"
}

// apiAccess looks at who may connect: whoever does controls VPP.
func (p *patient) apiAccess(context.Context) diagnosis {
	info, err := os.Stat(p.apiSocket)
	if err != nil {
		return skipped("not known: "+err.Error(), "")
	}
	if mode := info.Mode().Perm(); mode&0o002 != 0 {
		return warning(fmt.Sprintf("%s has mode %#o: every user of the node controls VPP", p.apiSocket, mode),
			"chmod o-w "+p.apiSocket+", and unix { gid vpp } in VPP's startup.conf for those who need it")
	}
	return well(fmt.Sprintf("%s has mode %#o", p.apiSocket, info.Mode().Perm()))
}

// unasked is the outcome of checks that need VPP's answers.
func unasked() diagnosis { return skipped("not known: VPP can't be asked, see above", "") }

// plugins looks for the messages of every kind of endpoint.
func (p *patient) plugins(context.Context) diagnosis {
	if p.vppErr != nil {
		return unasked()
	}
	if len(p.vpp.Missing) == 0 {
		return well("VPP has every message that networks need")
	}
	var found, mend []string
	for _, plugin := range slices.Sorted(maps.Keys(p.vpp.Missing)) {
		names := strings.Join(p.vpp.Missing[plugin], ", ")
		if plugin == "" {
			found = append(found, "VPP itself lacks "+names)
			mend = append(mend, "run a VPP of "+oldestTested+" to "+newestTested)
			continue
		}
		found = append(found, "without "+plugin+" VPP lacks "+names)
		mend = append(mend, "put plugins { plugin "+plugin+" { enable } } into VPP's startup.conf (and install the package that has it), then restart VPP")
	}
	return failed(strings.Join(found, "; "), strings.Join(mend, "; "))
}

// sessionLayer is for VCL alone.
func (p *patient) sessionLayer(context.Context) diagnosis {
	switch {
	case p.vppErr != nil:
		return unasked()
	case p.vpp.Session == cnivpp.SessionOn:
		return well("on")
	case p.vpp.Session == cnivpp.SessionWithoutSockets:
		return warning("on without its socket API: VCL endpoints can't be made",
			"put session { enable use-app-socket-api } into VPP's startup.conf in the place of its session section, then restart VPP")
	case p.vpp.Session == cnivpp.SessionOff:
		return skipped("off; the first VCL endpoint turns it on", "")
	}
	return skipped("VPP does not say; only VCL needs it", "")
}
