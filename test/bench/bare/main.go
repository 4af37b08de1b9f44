package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"go.fd.io/govpp/adapter/socketclient"
	"go.fd.io/govpp/api"
	interfaces "go.fd.io/govpp/binapi/interface"
	"go.fd.io/govpp/binapi/interface_types"
	"go.fd.io/govpp/binapi/l2"
	"go.fd.io/govpp/binapi/memif"
	"go.fd.io/govpp/core"
)

// What an endpoint is: the number is that of the first one's socket.
const (
	number = 7
	domain = 4
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	count := 1
	if len(os.Args) == 5 {
		var err error
		if count, err = strconv.Atoi(os.Args[4]); err != nil {
			return err
		}
	} else if len(os.Args) != 4 {
		return errors.New("usage: bare VPP-API-SOCKET MEMIF-SOCKET TAG [COUNT]")
	}
	conn, err := core.Connect(socketclient.NewVppClient(os.Args[1]))
	if err != nil {
		return err
	}
	defer conn.Disconnect()
	for i := range uint32(count) {
		socket := os.Args[2]
		if i > 0 {
			socket += strconv.Itoa(int(i))
		}
		if err := endpoint(context.Background(), conn, number+i, socket, os.Args[3]); err != nil {
			return err
		}
	}
	return nil
}

func endpoint(ctx context.Context, conn api.Connection, number uint32, socket, tag string) error {
	_, err := l2.NewServiceClient(conn).BridgeDomainAddDelV2(ctx, &l2.BridgeDomainAddDelV2{
		IsAdd: true, BdID: domain, Flood: true, UuFlood: true, Forward: true, Learn: true,
	})
	if err != nil && !errors.Is(err, api.BD_ALREADY_EXISTS) {
		return fmt.Errorf("bridge domain: %w", err)
	}
	index, err := create(ctx, memif.NewServiceClient(conn), number, socket)
	if err != nil {
		return fmt.Errorf("memif: %w", err)
	}
	iface := interfaces.NewServiceClient(conn)
	if _, err := iface.SwInterfaceTagAddDel(ctx, &interfaces.SwInterfaceTagAddDel{IsAdd: true, SwIfIndex: index, Tag: tag}); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	_, err = l2.NewServiceClient(conn).SwInterfaceSetL2Bridge(ctx, &l2.SwInterfaceSetL2Bridge{RxSwIfIndex: index, BdID: domain, Enable: true})
	if err != nil {
		return fmt.Errorf("port: %w", err)
	}
	_, err = iface.SwInterfaceSetFlags(ctx, &interfaces.SwInterfaceSetFlags{SwIfIndex: index, Flags: interface_types.IF_STATUS_API_FLAG_ADMIN_UP})
	return err
}

func create(ctx context.Context, client memif.RPCService, number uint32, socket string) (interface_types.InterfaceIndex, error) {
	_, err := client.MemifSocketFilenameAddDelV2(ctx, &memif.MemifSocketFilenameAddDelV2{IsAdd: true, SocketID: number, SocketFilename: socket})
	if err != nil {
		return 0, err
	}
	reply, err := client.MemifCreateV2(ctx, &memif.MemifCreateV2{
		Role: memif.MEMIF_ROLE_API_MASTER, Mode: memif.MEMIF_MODE_API_ETHERNET, SocketID: number,
		RxQueues: 1, TxQueues: 1, RingSize: 1024, BufferSize: 2048,
	})
	if err != nil {
		return 0, err
	}
	return reply.SwIfIndex, nil
}
