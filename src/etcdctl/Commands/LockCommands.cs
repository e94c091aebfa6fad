using System.Diagnostics;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Protocol;
using Quorate.Protocol.Elections;
using Quorate.Protocol.Locks;
using Lock = Quorate.Protocol.Locks.Lock;

namespace Quorate.Etcdctl.Commands;

/// <summary>lock and elect (spec 07 §9).</summary>
internal static class LockCommands
{
    public static readonly IReadOnlyList<CtlCommand> All =
    [
        new("lock", "<lockname> [exec-command arg1 arg2 ...]", "Acquires a named lock", "etcdctl lock build -- make all",
            flags => flags.Add("ttl", FlagSet.Kind.Integer, "10", "timeout for session"), LockAsync),
        new("elect", "<election-name> [proposal]", "Observes and participates in leader election",
            "etcdctl elect primary $(hostname)",
            flags => flags.Add("listen", FlagSet.Kind.Boolean, "false", "observation mode", 'l'), ElectAsync),
    ];

    private static async Task<int> LockAsync(CtlContext context)
    {
        if (context.Arguments.Count == 0)
        {
            throw CommandException.BadArguments("lock takes a lock name argument and an optional command to execute");
        }

        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        using var signals = new Signals();
        await using Session session = await Session.OpenAsync(client, context.Flags.Integer("ttl")).ConfigureAwait(false);
        var request = new LockRequest { Name = ByteString.CopyFromUtf8(context.Arguments[0]), Lease = session.Lease };
        using AsyncUnaryCall<LockResponse> locking = await client
            .OpenAsync((calls, options) => new Lock.LockClient(calls)
                .LockAsync(request, options.WithCancellationToken(signals.Token)), signals.Token).ConfigureAwait(false);
        LockResponse held = await locking.ConfigureAwait(false);
        int code;
        if (context.Arguments.Count > 1)
        {
            code = await ExecuteAsync([.. context.Arguments.Skip(1)], held).ConfigureAwait(false);
        }
        else
        {
            RangeResponse response = await GetAsync(client, held.Key).ConfigureAwait(false);
            if (response.Kvs.Count == 0)
            {
                throw new CommandException(ExitCodes.Error, "lock lost on init");
            }

            context.Printer.Print(response, () => KeyCommands.PrintSimple(context.Printer, response), json =>
                json.Range(response), () => KeyCommands.PrintFields(context.Printer, response));
            await HoldAsync(session, signals, "session expired").ConfigureAwait(false);
            code = ExitCodes.Success;
        }

        await client.CallAsync((calls, options) => new Lock.LockClient(calls)
            .UnlockAsync(new UnlockRequest { Key = held.Key }, options), isRead: false).ConfigureAwait(false);
        return code;
    }

    private static async Task<int> ElectAsync(CtlContext context)
    {
        if (context.Arguments.Count is 0 or > 2)
        {
            throw CommandException.BadArguments("elect takes one election name argument and an optional proposal argument");
        }

        bool listens = context.Flags.Boolean("listen");
        if (listens == (context.Arguments.Count == 2))
        {
            throw CommandException.BadArguments(listens ? "proposal given but -l is set" : "no proposal argument but -l not set");
        }

        await using EtcdClient client = await context.ConnectAsync().ConfigureAwait(false);
        using var signals = new Signals();
        ByteString name = ByteString.CopyFromUtf8(context.Arguments[0]);
        if (listens)
        {
            return await ListenAsync(context, client, name, signals).ConfigureAwait(false);
        }

        await using Session session = await Session.OpenAsync(client, 60).ConfigureAwait(false);
        var request = new CampaignRequest
        {
            Name = name,
            Lease = session.Lease,
            Value = ByteString.CopyFromUtf8(context.Arguments[1])
        };
        using AsyncUnaryCall<CampaignResponse> campaigning = await client
            .OpenAsync((calls, options) => new Election.ElectionClient(calls)
                .CampaignAsync(request, options.WithCancellationToken(signals.Token)), signals.Token).ConfigureAwait(false);
        CampaignResponse won = await campaigning.ConfigureAwait(false);
        RangeResponse response = await GetAsync(client, won.Leader.Key).ConfigureAwait(false);
        context.Printer.Print(response, () => KeyCommands.PrintSimple(context.Printer, response), json =>
            json.Range(response), () => KeyCommands.PrintFields(context.Printer, response));
        await HoldAsync(session, signals, "elect: session expired").ConfigureAwait(false);
        await client.CallAsync((calls, options) => new Election.ElectionClient(calls)
            .ResignAsync(new ResignRequest { Leader = won.Leader }, options), isRead: false).ConfigureAwait(false);
        return ExitCodes.Success;
    }

    private static async Task<int> ListenAsync(CtlContext context, EtcdClient client, ByteString name, Signals signals)
    {
        using AsyncServerStreamingCall<LeaderResponse> stream = await client
            .OpenAsync((calls, options) => new Election.ElectionClient(calls)
                .Observe(new LeaderRequest { Name = name }, options), CancellationToken.None).ConfigureAwait(false);
        try
        {
            while (await stream.ResponseStream.MoveNext(signals.Token).ConfigureAwait(false))
            {
                var response = new RangeResponse { Header = stream.ResponseStream.Current.Header, Count = 1 };
                response.Kvs.Add(stream.ResponseStream.Current.Kv);
                context.Printer.Print(response, () => KeyCommands.PrintSimple(context.Printer, response), json =>
                    json.Range(response), () => KeyCommands.PrintFields(context.Printer, response));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or RpcException
            && signals.Token.IsCancellationRequested)
        {
            return ExitCodes.Success;
        }

        throw new CommandException(ExitCodes.Error, "elect: observer lost");
    }

    private static Task<RangeResponse> GetAsync(EtcdClient client, ByteString key) =>
        client.CallAsync((calls, options) => new KV.KVClient(calls).RangeAsync(new RangeRequest { Key = key }, options),
            isRead: true);

    private static async Task HoldAsync(Session session, Signals signals, string lost)
    {
        await Task.WhenAny(session.Ended, Task.Delay(Timeout.Infinite, signals.Token)).ConfigureAwait(false);
        if (session.Ended.IsCompleted && !signals.Token.IsCancellationRequested)
        {
            throw new CommandException(ExitCodes.Error, lost);
        }
    }

    private static async Task<int> ExecuteAsync(string[] command, LockResponse held)
    {
        var start = new ProcessStartInfo(command[0], command[1..]);
        start.Environment.TryAdd("ETCD_LOCK_KEY", held.Key.ToStringUtf8());
        start.Environment.TryAdd("ETCD_LOCK_REV", $"{held.Header.Revision}");
        try
        {
            using Process process = Process.Start(start)!;
            await process.WaitForExitAsync().ConfigureAwait(false);
            if (process.ExitCode != 0)
            {
                await Console.Error.WriteLineAsync($"Error: exit status {process.ExitCode}").ConfigureAwait(false);
            }

            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            await Console.Error.WriteLineAsync($"Error: exec: {GoText.Quote(command[0])}: executable file not found in $PATH")
                .ConfigureAwait(false);
            return ExitCodes.Error;
        }
    }

    /// <summary>SIGINT and SIGTERM as a token.</summary>
    private sealed class Signals : IDisposable
    {
        private readonly CancellationTokenSource _taken = new();
        private readonly PosixSignalRegistration _interrupt;
        private readonly PosixSignalRegistration _terminate;

        public Signals()
        {
            _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Take);
            _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Take);
        }

        public CancellationToken Token => _taken.Token;

        public void Dispose()
        {
            _interrupt.Dispose();
            _terminate.Dispose();
            _taken.Dispose();
        }

        private void Take(PosixSignalContext signal)
        {
            signal.Cancel = true;
            _taken.Cancel();
        }
    }

    /// <summary>A lease that is kept alive, and revoked at the end.</summary>
    internal sealed class Session : IAsyncDisposable
    {
        private readonly EtcdClient _client;
        private readonly CancellationTokenSource _closed = new();

        private Session(EtcdClient client, long lease, long ttl)
        {
            _client = client;
            Lease = lease;
            Ended = KeepAliveAsync(ttl);
        }

        public long Lease { get; }

        /// <summary>Completes when the lease is lost.</summary>
        public Task Ended { get; }

        public static async Task<Session> OpenAsync(EtcdClient client, long ttl)
        {
            LeaseGrantResponse granted = await client
                .CallAsync((calls, options) => new Lease.LeaseClient(calls)
                    .LeaseGrantAsync(new LeaseGrantRequest { TTL = ttl }, options), isRead: false).ConfigureAwait(false);
            return new Session(client, granted.ID, granted.TTL);
        }

        public async ValueTask DisposeAsync()
        {
            await _closed.CancelAsync().ConfigureAwait(false);
            try
            {
                await _client.CallAsync((calls, options) => new Lease.LeaseClient(calls)
                    .LeaseRevokeAsync(new LeaseRevokeRequest { ID = Lease }, options), isRead: false)
                    .ConfigureAwait(false);
            }
            catch (EtcdException)
            {
                // It ends by itself.
            }
        }

        private async Task KeepAliveAsync(long ttl)
        {
            try
            {
                using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream = await _client
                    .OpenAsync((calls, options) => new Lease.LeaseClient(calls).LeaseKeepAlive(options), _closed.Token)
                        .ConfigureAwait(false);
                while (true)
                {
                    await stream.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = Lease }).ConfigureAwait(false);
                    if (!await stream.ResponseStream.MoveNext(_closed.Token).ConfigureAwait(false)
                        || stream.ResponseStream.Current.TTL <= 0)
                    {
                        return;
                    }

                    await Task.Delay(TimeSpan.FromSeconds(ttl / 3.0), _closed.Token).ConfigureAwait(false);
                }
            }
            catch (Exception error) when (error is OperationCanceledException or RpcException)
            {
                // The session was closed, or is lost with its connection.
            }
        }
    }
}
