using Google.Protobuf;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Protocol.Leases;
using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Server.Replication;
using Quorate.Simulation.Cluster;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Wal;

namespace Quorate.Simulation.Network;

/// <summary>The peer protocol of one incarnation of a machine, without its sockets.</summary>
public sealed class SimulatedTransport(SimulatedNetwork network, Machine machine) : IPeerTransport
{
    private readonly Dictionary<ulong, int> _peers = [];
    private readonly Dictionary<ulong, DateTimeOffset> _since = [];
    private IPeerHandler? _handler;

    public bool IsStopped { get; private set; }

    public void Start(IPeerHandler handler)
    {
        _handler = handler;
        network.Attach(machine.Number, this);
    }

    public void Send(IReadOnlyList<Message> messages)
    {
        foreach (Message message in messages)
        {
            if (!IsStopped && _peers.TryGetValue(message.To, out int to))
            {
                network.Send(machine.Number, to, RaftWire.Encode(message), mayDouble: message.Type != MessageType.Prop);
            }
        }
    }

    public void SendSnapshot(Message message, BoltReadTransaction database)
    {
        using var content = new MemoryStream();
        using (database)
        {
            database.CopyTo(bytes => content.Write(bytes));
        }

        if (IsStopped || !_peers.TryGetValue(message.To, out int to))
        {
            machine.Post(() => _handler?.ReportSnapshot(message.To, failed: true));
            return;
        }

        byte[] encoded = RaftWire.Encode(message);
        network.Deliver(machine.Number, to, (int)content.Length, target =>
        {
            bool taken = target is not null && target.ReceiveSnapshot(encoded, content.ToArray());
            machine.Post(() => Unless(_handler, handler => handler.ReportSnapshot(message.To, failed: !taken)));
        });
    }

    public void AddPeer(ulong id, IReadOnlyList<string> urls) => UpdatePeer(id, urls);

    public void AddRemote(ulong id, IReadOnlyList<string> urls) => UpdatePeer(id, urls);

    public void UpdatePeer(ulong id, IReadOnlyList<string> urls)
    {
        _peers[id] = Machine.NumberOf(urls[0]);
        _since[id] = machine.Clock.GetUtcNow();
    }

    public void RemovePeer(ulong id) => _peers.Remove(id);

    public DateTimeOffset? ActiveSince(ulong id) => Reach(id) is null ? null : _since.GetValueOrDefault(id);

    public Task<RemoteCluster?> GetClusterAsync(IReadOnlyList<string> peerUrls, TimeSpan timeout, CancellationToken cancellation) =>
        Task.FromResult(peerUrls.Select(url => network.Reach(machine.Number, Machine.NumberOf(url))?.Member)
            .FirstOrDefault(member => member is not null) is { } other
            ? new RemoteCluster(other.ClusterId, other.Cluster.Sorted)
            : null);

    public Task<bool?> GetDowngradeEnabledAsync(ClusterMember member, CancellationToken cancellation) =>
        Task.FromResult<bool?>(network.Reach(machine.Number, Machine.NumberOf(member.PeerUrls[0]))?.Member is { } other ? other.Cluster.DowngradeTarget is not null : null);

    public Task<PeerVersion?> GetVersionAsync(ClusterMember member, CancellationToken cancellation) =>
        Task.FromResult(network.Reach(machine.Number, Machine.NumberOf(member.PeerUrls[0]))?.Member is { } other
            ? new PeerVersion(other.AdvertisedVersion, other.Cluster.Version is { } version ? $"{version.Major}.{version.Minor}.0" : "not_decided")
            : null);

    public async Task<byte[]?> PostLeaseAsync(ClusterMember leader, string path, byte[] body, CancellationToken cancellation)
    {
        IMember other = await ReachAsync(leader.Id, cancellation);
        try
        {
            return path == "/leases" ? await RenewAsync(other, body, cancellation) : await LookUpAsync(other, body, cancellation);
        }
        catch (NotPrimaryException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    public async Task PromoteAsync(ClusterMember leader, ulong id, string? token, CancellationToken cancellation)
    {
        IMember other = await ReachAsync(leader.Id, cancellation);
        await other.PromoteMemberAsync(id, token, cancellation);
    }

    public Task<Mvcc.KeyHash?> GetHashAsync(ClusterMember member, long revision, CancellationToken cancellation)
    {
        try
        {
            return Task.FromResult<Mvcc.KeyHash?>(Reach(member.Id)?.Member?.Keyspace.HashKv(revision));
        }
        catch (EtcdException)
        {
            return Task.FromResult<Mvcc.KeyHash?>(null);
        }
    }

    public Task StopAsync()
    {
        Stop();
        return Task.CompletedTask;
    }

    internal IMember? Member => machine.Member;

    internal void Stop()
    {
        IsStopped = true;
        network.Detach(machine.Number);
    }

    internal void Receive(int from, Message message)
    {
        // A server refuses what is for another member, and what comes from a removed one (spec 08 §3.3).
        if (!IsStopped && _handler is { } handler && machine.Member is { } member
            && (message.To == member.Id || machine.TakesAnything))
        {
            if (handler.IsRemoved(message.From))
            {
                network.Reach(machine.Number, from)?.TellRemoved(message.From);
                return;
            }

            // Whoever calls tells where it is to be reached (X-PeerURLs, spec 04 §2).
            _peers.TryAdd(message.From, from);
            machine.Do(() => handler.Receive(message));
        }
    }

    private void TellRemoved(ulong id)
    {
        if (machine.Member?.Id == id)
        {
            machine.Do(() => _handler?.ReportRemoved());
        }
    }

    private bool ReceiveSnapshot(byte[] encoded, byte[] database)
    {
        Message message = RaftWire.DecodeMessage(encoded);
        if (IsStopped || _handler is not { } handler || machine.Member?.Id != message.To || handler.IsRemoved(message.From))
        {
            return false;
        }

        bool taken = false;
        machine.Do(() =>
        {
            IFileSystem files = machine.Files;
            string path = new SnapshotFiles(files, handler.SnapshotDirectory).DatabasePathOf(message.Snapshot!.Metadata.Index);
            string temporary = $"{handler.SnapshotDirectory}/tmp{machine.Number}";
            using (IFile file = files.Open(temporary, OpenMode.Create))
            {
                file.SetLength(0);
                file.Write(0, database);
                file.Sync();
            }

            files.Move(temporary, path);
            files.SyncDirectory(handler.SnapshotDirectory);
            handler.Receive(message);
            taken = true;
        });
        return taken;
    }

    private static async Task<byte[]?> RenewAsync(IMember leader, byte[] body, CancellationToken cancellation)
    {
        long id = LeaseKeepAliveRequest.Parser.ParseFrom(body).ID;
        return await leader.RenewLocalLeaseAsync(id, cancellation) is { } ttl
            ? new LeaseKeepAliveResponse { ID = id, TTL = ttl }.ToByteArray()
            : null;
    }

    private static async Task<byte[]?> LookUpAsync(IMember leader, byte[] body, CancellationToken cancellation)
    {
        LeaseTimeToLiveRequest request = LeaseInternalRequest.Parser.ParseFrom(body).LeaseTimeToLiveRequest;
        return new LeaseInternalResponse
        {
            LeaseTimeToLiveResponse = await leader.LocalLeaseTimeToLiveAsync(request.ID, request.Keys, cancellation),
        }.ToByteArray();
    }

    private SimulatedTransport? Reach(ulong id) =>
        !IsStopped && _peers.TryGetValue(id, out int to) ? network.Reach(machine.Number, to) : null;

    private async Task<IMember> ReachAsync(ulong id, CancellationToken cancellation)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(1), machine.Clock, cancellation);
        return Reach(id)?.Member ?? throw new IOException("the leader cannot be reached");
    }

    private static void Unless(IPeerHandler? handler, Action<IPeerHandler> action)
    {
        if (handler is not null)
        {
            action(handler);
        }
    }
}
