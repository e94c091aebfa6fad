using Quorate.Raft;
using Quorate.Server.Membership;
using Quorate.Server.Replication;
using Quorate.Simulation.Disks;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Wal;

namespace Quorate.Server.Tests.Replication;

/// <summary>A machine of a <see cref="VirtualCluster"/>: a disk, a link, and a member while it runs.</summary>
public sealed class VirtualMember(VirtualCluster cluster, string name, int number) : IPeerTransport
{
    private readonly Dictionary<ulong, DateTimeOffset> _peers = [];

    public string Name => name;

    public string PeerUrl => $"http://10.0.0.{number}:2380";

    public string ClientUrl => $"http://10.0.0.{number}:2379";

    public SimulatedDisk Disk { get; } = new(number);

    public Member? Member { get; private set; }

    public Member Running => Member ?? throw new InvalidOperationException($"{name} does not run");

    public bool IsConnected { get; set; } = true;

    public List<string> Lines { get; } = [];

    public List<Message> Sent { get; } = [];

    public Version CompatVersion { get; set; } = new(3, 7);

    public Func<MemberOptions, MemberOptions> Adjust { get; set; } = options => options;

    public MemberOptions Options(bool joins) => Adjust(new MemberOptions
    {
        Name = name,
        DataDirectory = "/data",
        PeerUrls = [PeerUrl],
        ClientUrls = [ClientUrl],
        InitialCluster = cluster.InitialCluster,
        InitialClusterToken = "virtual",
        JoinsExisting = joins,
        CompatVersion = CompatVersion,
        InitialMapSize = 16 * 1024 * 1024,
        Files = Disk.Mount(),
        Time = cluster.Time,
        Random = new Random(number),
        HasThreads = false,
        Log = (level, message, fields) => Lines.Add($"{level} {message} {string.Join(' ', fields.Select(field => $"{field.Key}={field.Value}"))}"),
    });

    public void Start(bool joins = false)
    {
        _peers.Clear();
        Task<Member> start = Member.StartAsync(Options(joins), this, CancellationToken.None);
        Member = cluster.Wait(start);
    }

    public void Stop()
    {
        cluster.Wait(Running.StopAsync());
        Member = null;
    }

    /// <summary>The power fails: what was not synced is lost.</summary>
    public void Crash()
    {
        Running.Crash();
        Member = null;
        Disk.Crash(CrashLoss.All);
    }

    public void Start(IPeerHandler handler)
    {
    }

    public void Send(IReadOnlyList<Message> messages)
    {
        foreach (Message message in messages)
        {
            // Over the wire and back, so that nothing is shared.
            Sent.Add(message);
            cluster.Carry(this, RaftWire.DecodeMessage(RaftWire.Encode(message)));
        }
    }

    public void SendSnapshot(Message message, BoltReadTransaction database)
    {
        var content = new List<byte>();
        database.CopyTo(part => content.AddRange(part));
        database.Dispose();
        cluster.CarrySnapshot(this, message, [.. content]);
    }

    public void AddPeer(ulong id, IReadOnlyList<string> urls) => _peers.TryAdd(id, cluster.Time.GetUtcNow());

    public void AddRemote(ulong id, IReadOnlyList<string> urls) => AddPeer(id, urls);

    public void UpdatePeer(ulong id, IReadOnlyList<string> urls)
    {
    }

    public void RemovePeer(ulong id) => _peers.Remove(id);

    public DateTimeOffset? ActiveSince(ulong id) => _peers.TryGetValue(id, out DateTimeOffset since) && cluster.Find(id) is { IsConnected: true } && IsConnected
        ? since
        : null;

    public bool Knows(ulong id) => _peers.ContainsKey(id);

    public Task<RemoteCluster?> GetClusterAsync(IReadOnlyList<string> peerUrls, TimeSpan timeout, CancellationToken cancellation) =>
        Task.FromResult(cluster.Machines.FirstOrDefault(machine => machine.Member is not null && machine.IsConnected && peerUrls.Contains(machine.PeerUrl))
            is { } found
            ? new RemoteCluster(found.Running.ClusterId, found.Running.Cluster.Sorted)
            : null);

    public Task<PeerVersion?> GetVersionAsync(ClusterMember member, CancellationToken cancellation) => Task.FromResult(
        cluster.Find(member.Id) is { Member: { } running, IsConnected: true }
            ? new PeerVersion(running.AdvertisedVersion, running.Cluster.Version is { } version ? $"{version.ToString(2)}.0" : "not_decided")
            : null);

    public Task<bool?> GetDowngradeEnabledAsync(ClusterMember member, CancellationToken cancellation) => Task.FromResult<bool?>(
        cluster.Find(member.Id) is { Member: { } running } ? running.Cluster.DowngradeTarget is not null : null);

    public async Task<byte[]?> PostLeaseAsync(ClusterMember leader, string path, byte[] body, CancellationToken cancellation)
    {
        if (cluster.Find(leader.Id) is not { Member: { } running, IsConnected: true } || !IsConnected)
        {
            throw new HttpRequestException("unreachable");
        }

        if (path == "/leases")
        {
            Protocol.LeaseKeepAliveRequest request = Protocol.LeaseKeepAliveRequest.Parser.ParseFrom(body);
            return await running.RenewLocalLeaseAsync(request.ID, cancellation) is { } ttl
                ? Google.Protobuf.MessageExtensions.ToByteArray(new Protocol.LeaseKeepAliveResponse { ID = request.ID, TTL = ttl })
                : null;
        }

        Protocol.LeaseTimeToLiveRequest wanted = LeaseInternal.DecodeRequest(body);
        return LeaseInternal.EncodeResponse(await running.LocalLeaseTimeToLiveAsync(wanted.ID, wanted.Keys, cancellation));
    }

    public Task PromoteAsync(ClusterMember leader, ulong id, string? token, CancellationToken cancellation) =>
        cluster.Find(leader.Id)!.Running.PromoteLocalAsync(id, cancellation);

    public Task<Mvcc.KeyHash?> GetHashAsync(ClusterMember member, long revision, CancellationToken cancellation) =>
        Task.FromResult<Mvcc.KeyHash?>(cluster.Find(member.Id)?.Member?.Keyspace.HashKv(revision));

    public Task StopAsync() => Task.CompletedTask;

    /// <summary>A snapshot arrives, as the peer endpoint takes it.</summary>
    public void Receive(Message message, byte[] database)
    {
        IFileSystem files = Running.Options.Files;
        string path = new SnapshotFiles(files, Running.SnapshotDirectory).DatabasePathOf(message.Snapshot!.Metadata.Index);
        using (IFile file = files.Open(path, OpenMode.Create))
        {
            file.Write(0, database);
            file.Sync();
        }

        files.SyncDirectory(Running.SnapshotDirectory);
        Running.Receive(RaftWire.DecodeMessage(RaftWire.Encode(message)));
    }
}
