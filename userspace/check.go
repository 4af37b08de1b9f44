package userspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/userspace-cni/userspace-cni/pkg/contract"
	"github.com/userspace-cni/userspace-cni/pkg/shareddir"
	"github.com/userspace-cni/userspace-cni/pkg/state"
)

// errDiffers means that CHECK found something else than ADD had left.
var errDiffers = errors.New("the attachment is not as ADD left it")

// check passes when nothing has to be done.
func (c *call) check(ctx context.Context) error {
	if err := c.valid(); err != nil {
		return err
	}
	record, err := c.load()
	if err != nil {
		return fmt.Errorf("%w: %w", errDiffers, err)
	}
	if !record.Done {
		return fmt.Errorf("%w: an ADD or a DEL of it was ended on its way", errDiffers)
	}
	if record.Off {
		return nil
	}
	plan, err := c.differences(ctx, record, Engine.Check)
	if err != nil {
		return err
	}
	if plan != "" {
		return fmt.Errorf("%w; to be done:\n%s", errDiffers, plan)
	}
	if c.conf.IPAM.Type == "" {
		return nil
	}
	return c.IPAM.Check(ctx, c.conf.IPAM.Type, c.args.StdinData)
}

// differences are the steps, one a line, from what there is to what the record
// stands for. Those on the vswitch are what look returns: Check or Adjust.
func (c *call) differences(ctx context.Context, record *state.Record, look func(Engine, context.Context, json.RawMessage) (string, error)) (string, error) {
	engine, err := c.engine(record.Engine, record.Socket)
	if err != nil {
		return "", err
	}
	plan, err := look(engine, ctx, record.Spec)
	if err != nil {
		return "", err
	}
	path := filepath.Join(record.Dir, contract.FileName(c.attachment))
	if _, err := os.Lstat(path); err != nil {
		plan += "write " + path + "\n"
	}
	plan += deviceInfoDiffers(record)
	missing, err := socketDiffers(record)
	return plan + missing, err
}

// socketDiffers is the step that the socket needs; empty where the pod can
// connect.
func socketDiffers(record *state.Record) (string, error) {
	if record.Listening == "" {
		return "", nil
	}
	path := filepath.Join(record.Dir, record.Listening)
	access, err := dirOf(record).Granted(record.Listening)
	switch {
	case errors.Is(err, shareddir.ErrNoSocket), errors.Is(err, fs.ErrNotExist):
		return "make the socket " + path + " again\n", nil
	case err != nil:
		return "", err
	case access != record.Access:
		return fmt.Sprintf("give %s to %s, which is %s\n", path, record.Access, access), nil
	}
	return "", nil
}
