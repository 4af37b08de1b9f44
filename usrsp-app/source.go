package usrspapp

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/podinfo"
)

// slot is a network's place in the pod, which one entry has at a time: that of a
// recreated sandbox takes the place of its predecessor's.
type slot struct{ network, ifName string }

func slotOf(e contract.Entry) slot { return slot{e.Name, e.IfName} }

// source is a place that tells of networks, the shared directory or the pod's
// annotations, with what it tells.
type source struct {
	told map[slot]contract.Entry
	// err says why it can't be read, or not as a whole.
	err error
}

// hear takes what was read. Of what can't be read nobody knows whether it is
// gone, so then everything that was told stays.
func (s *source) hear(entries []contract.Entry, err error) {
	if err == nil || s.told == nil {
		s.told = map[slot]contract.Entry{}
	}
	latest := map[slot]contract.Entry{}
	for _, entry := range entries {
		latest[slotOf(entry)] = later(latest, entry)
	}
	maps.Copy(s.told, latest)
	s.err = err
}

// isAbsent tells that there never was such a place.
func (s *source) isAbsent() bool { return errors.Is(s.err, fs.ErrNotExist) && len(s.told) == 0 }

// fault is the error to report, if any.
func (s *source) fault(what string) error {
	if s.err == nil || s.isAbsent() {
		return nil
	}
	return fmt.Errorf("%s: %w", what, s.err)
}

// later is the later entry of those for the same place; of two that were made at
// the same time, the one that was known first.
func later(known map[slot]contract.Entry, entry contract.Entry) contract.Entry {
	if first, ok := known[slotOf(entry)]; ok && !entry.Created.After(first.Created) {
		return first
	}
	return entry
}

// merge returns what both tell, in the order of the networks. Where both have an
// entry, that of the files counts, which alone may hold a secret: the kubelet
// delivers annotations later, and takes them away later.
func merge(files, pod source) []contract.Entry {
	all := maps.Clone(files.told)
	for place, entry := range pod.told {
		all[place] = later(all, entry)
	}
	entries := slices.Collect(maps.Values(all))
	contract.Sort(entries)
	return entries
}

// read reads the contract from both places. The error is about what can't be
// read; what it was stays as it was.
func (c *companion) read() error {
	c.files.hear(contract.ReadDir(c.SharedDir))
	annotations, err := podinfo.Read(c.PodInfo)
	c.pod.hear(annotations.Entries, err)
	entries := merge(c.files, c.pod)
	for i := range entries {
		keepSecret(&entries[i], c.entries)
	}
	c.entries = entries
	return errors.Join(c.files.fault("contract"), c.pod.fault("pod annotations"))
}

// keepSecret gives an entry the secret that it had while its file was there.
func keepSecret(entry *contract.Entry, before []contract.Entry) {
	same := slices.IndexFunc(before, func(e contract.Entry) bool { return e.Attachment() == entry.Attachment() })
	if same >= 0 {
		entry.Config = entry.Config.WithSecretOf(before[same].Config)
	}
}

// isWhole tells whether the contract was read to its end, so that a network that
// isn't in it is none. Without a shared directory that can't be said.
func (c *companion) isWhole() bool {
	return c.files.err == nil && (c.pod.err == nil || c.pod.isAbsent())
}

// fingerprint is another text whenever the contract may have changed.
func (c *companion) fingerprint() string {
	return contract.Fingerprint(c.SharedDir) + "\n" + podinfo.Fingerprint(c.PodInfo)
}
