using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;
using Quorate.Protocol.Elections;
using Quorate.Protocol.Health;
using Quorate.Protocol.Locks;
using static Quorate.Server.Tests.Api.Calls;

namespace Quorate.Server.Tests.Api;

/// <summary>Leases, members, upkeep, health, locks and elections over real gRPC (spec 02 §11, 03).</summary>
public sealed class ServiceTests : IAsyncLifetime
{
    private TestServer _server = null!;
    private Lease.LeaseClient _leases = null!;
    private Maintenance.MaintenanceClient _upkeep = null!;
    private Cluster.ClusterClient _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _leases = new Lease.LeaseClient(_server.Channel);
        _upkeep = new Maintenance.MaintenanceClient(_server.Channel);
        _cluster = new Cluster.ClusterClient(_server.Channel);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Leases_are_granted_looked_at_renewed_and_revoked()
    {
        Assert.Equal(2, _leases.LeaseGrant(new LeaseGrantRequest { TTL = -5, ID = 1 }).TTL);
        Assert.True(_leases.LeaseGrant(new LeaseGrantRequest { TTL = 100 }).ID > 0);
        Assert.Equal((9, "etcdserver: lease already exists"),
            Failure(() => _leases.LeaseGrant(new LeaseGrantRequest { TTL = 100, ID = 1 })));
        Assert.Equal((11, "etcdserver: too large lease TTL"),
            Failure(() => _leases.LeaseGrant(new LeaseGrantRequest { TTL = 9_000_000_001 })));
        _leases.LeaseGrant(new LeaseGrantRequest { TTL = 1000, ID = 77 });
        _server.Keys.Put(new PutRequest { Key = Bytes("p2"), Lease = 77 });
        _server.Keys.Put(new PutRequest { Key = Bytes("p1"), Lease = 77 });
        LeaseTimeToLiveResponse life = _leases.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 77, Keys = true });
        Assert.Equal(1000, life.GrantedTTL);
        Assert.InRange(life.TTL, 900, 1000);
        Assert.Equal(["p1", "p2"], life.Keys.Select(key => key.ToStringUtf8()).Order());
        Assert.True(_leases.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 78 }) is { TTL: -1, GrantedTTL: 0 });
        using AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> alive = _leases.LeaseKeepAlive();
        foreach ((long id, long ttl) in ((long, long)[])[(77, 1000), (78, 0)])
        {
            await alive.RequestStream.WriteAsync(new LeaseKeepAliveRequest { ID = id });
            Assert.True(await alive.ResponseStream.MoveNext());
            Assert.Equal((id, ttl), (alive.ResponseStream.Current.ID, alive.ResponseStream.Current.TTL));
        }

        await alive.RequestStream.CompleteAsync();
        Assert.False(await alive.ResponseStream.MoveNext());
        Assert.Equal(4, _leases.LeaseRevoke(new LeaseRevokeRequest { ID = 77 }).Header.Revision);
        Assert.Equal((5, "etcdserver: requested lease not found"),
            Failure(() => _leases.LeaseRevoke(new LeaseRevokeRequest { ID = 77 })));
        Assert.Empty(_server.Keys.Range(new RangeRequest { Key = Bytes("p1"), RangeEnd = Bytes("p3") }).Kvs);
    }

    [Fact]
    public void Members_are_listed_without_a_revision_and_bad_changes_refused()
    {
        MemberListResponse list = _cluster.MemberList(new MemberListRequest { Linearizable = true });
        Quorate.Protocol.Member member = Assert.Single(list.Members);
        Assert.Equal(("one", "http://127.0.0.1:2", 0L), (member.Name, Assert.Single(member.ClientURLs), list.Header.Revision));
        foreach (string url in (string[])["foo:bar", "http://h", "http://h:1/", ""])
        {
            Assert.Equal((3, "etcdserver: given member URLs are invalid"),
                Failure(() => _cluster.MemberAdd(new MemberAddRequest { PeerURLs = { url } })));
        }

        Assert.Equal((2, "etcdserver: re-configuration failed due to not enough started members"),
            Failure(() => _cluster.MemberRemove(new MemberRemoveRequest { ID = member.ID })));
        Assert.Equal((5, "etcdserver: member not found"),
            Failure(() => _cluster.MemberUpdate(new MemberUpdateRequest { ID = 123 })));
        Assert.Equal((9, "etcdserver: Peer URLs already exists"),
            Failure(() => _cluster.MemberAdd(new MemberAddRequest { PeerURLs = { "http://127.0.0.1:1" }, IsLearner = true })));
    }

    [Fact]
    public void Status_tells_of_alarms_which_refuse_what_they_should()
    {
        StatusResponse status = _upkeep.Status(new StatusRequest());
        Assert.Equal(("3.7.1", _server.Member.Id, 2147483648L), (status.Version, status.Leader, status.DbSizeQuota));
        Assert.True(status is { DowngradeInfo.Enabled: false, IsLearner: false, RaftIndex: > 0, DbSize: > 0 });
        Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Nospace);
        Assert.Equal((8, "etcdserver: mvcc: database space exceeded"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("a") })));
        _server.Keys.DeleteRange(new DeleteRangeRequest { Key = Bytes("a") });
        Alarm(AlarmRequest.Types.AlarmAction.Activate, AlarmType.Corrupt);
        Assert.Equal((15, "etcdserver: corrupt cluster"),
            Failure(() => _server.Keys.DeleteRange(new DeleteRangeRequest { Key = Bytes("a") })));
        Assert.Equal(["memberID:7 alarm:CORRUPT", "memberID:7 alarm:NOSPACE"],
            _upkeep.Status(new StatusRequest()).Errors.Select(error => error.Trim()).Order(StringComparer.Ordinal));
        Alarm(AlarmRequest.Types.AlarmAction.Deactivate, AlarmType.Corrupt);
        Assert.Equal((8, "etcdserver: mvcc: database space exceeded"),
            Failure(() => _server.Keys.Put(new PutRequest { Key = Bytes("a") })));
        Alarm(AlarmRequest.Types.AlarmAction.Deactivate, AlarmType.Nospace);
        _server.Keys.Put(new PutRequest { Key = Bytes("a") });
        Assert.Equal(3,
            (int)Assert.Throws<RpcException>(() =>
                _upkeep.Alarm(new AlarmRequest { Action = (AlarmRequest.Types.AlarmAction)9 })).StatusCode);
        Assert.Equal(3, (int)Assert.Throws<RpcException>(() => _upkeep.Alarm(new AlarmRequest
        {
            Action = AlarmRequest.Types.AlarmAction.Activate,
            Alarm = (AlarmType)9,
        })).StatusCode);
    }

    [Fact]
    public void Hashes_of_the_keys_are_etcds_before_and_after_compactions()
    {
        Put("foo", "bar");
        Put("foo", "bar2");
        Put("zoo", "cat");
        _server.Keys.DeleteRange(new DeleteRangeRequest { Key = Bytes("zoo") });
        Put("a", "b");
        Assert.Equal([1084519789u, 3305255506u, 3581052765u, 2643521398u, 2452383961u, 2119369218u],
            Enumerable.Range(1, 6).Select(revision => Hash(revision).Hash));
        Assert.Equal((2119369218u, -1L), (Hash(0).Hash, Hash(0).CompactRevision));
        Assert.Equal((11, "etcdserver: mvcc: required revision is a future revision"), Failure(() => Hash(7)));
        _server.Keys.Compact(new CompactionRequest { Revision = 5, Physical = true });
        Assert.Equal((3797963177u, 5L), (Hash(0).Hash, Hash(0).CompactRevision));
        Assert.Equal((2452383961u, -1L, 5L, 6L),
            (Hash(5).Hash, Hash(5).CompactRevision, Hash(5).HashRevision, Hash(5).Header.Revision));
        Assert.Equal((11, "etcdserver: mvcc: required revision has been compacted"), Failure(() => Hash(4)));
        Put("foo", "bar3");
        Put("zoo", "dog");
        Assert.Equal([2739792619u, 1922998882u], [Hash(7).Hash, Hash(8).Hash]);
        _server.Keys.Compact(new CompactionRequest { Revision = 7, Physical = true });
        Assert.Equal((1922998882u, 7L), (Hash(0).Hash, Hash(0).CompactRevision));
        Assert.Equal((2739792619u, 5L), (Hash(7).Hash, Hash(7).CompactRevision));
        Assert.Equal((2452383961u, -1L), (Hash(5).Hash, Hash(5).CompactRevision));
        Assert.Equal((11, "etcdserver: mvcc: required revision has been compacted"), Failure(() => Hash(6)));
    }

    [Fact]
    public async Task A_snapshot_ends_with_the_hash_of_all_that_was_sent()
    {
        Put("a", new string('x', 100_000));
        using AsyncServerStreamingCall<SnapshotResponse> call = _upkeep.Snapshot(new SnapshotRequest());
        using var data = new MemoryStream();
        var parts = new List<SnapshotResponse>();
        await foreach (SnapshotResponse part in call.ResponseStream.ReadAllAsync())
        {
            parts.Add(part);
        }

        foreach (SnapshotResponse part in parts[..^1])
        {
            part.Blob.WriteTo(data);
        }

        Assert.Equal(SHA256.HashData(data.ToArray()), parts[^1].Blob.ToByteArray());
        Assert.Equal([0UL, 0UL], parts[^2..].Select(part => part.RemainingBytes));
        Assert.All(parts[..^2], part => Assert.Equal(32768, part.Blob.Length));
        Assert.All(parts, part => Assert.Equal("3.7.0", part.Version));
    }

    [Fact]
    public void Moves_downgrades_and_defragmentations_have_their_answers()
    {
        Assert.Null(_upkeep.MoveLeader(new MoveLeaderRequest { TargetID = _server.Member.Id }).Header);
        Assert.Equal((9, "etcdserver: bad leader transferee"),
            Failure(() => _upkeep.MoveLeader(new MoveLeaderRequest { TargetID = 5 })));
        Assert.Null(_upkeep.Defragment(new DefragmentRequest()).Header);
        foreach ((string version, string? error) in ((string, string?)[])[("3.6", null), ("3.6.0", null), ("3.6.5", null),
            ("3.5", "etcdserver: invalid downgrade target version"), ("3.7", "etcdserver: invalid downgrade target version"),
            ("abc", "etcdserver: wrong downgrade target version format"),
                ("", "etcdserver: wrong downgrade target version format")])
        {
            var request = new DowngradeRequest { Version = version };
            if (error is null)
            {
                Assert.Equal("3.7", _upkeep.Downgrade(request).Version);
            }
            else
            {
                Assert.Equal((3, error), Failure(() => _upkeep.Downgrade(request)));
            }
        }

        Assert.Equal((2, "etcdserver: unknown method"),
            Failure(() => _upkeep.Downgrade(new DowngradeRequest { Action = (DowngradeRequest.Types.DowngradeAction)9 })));
        Assert.Equal("3.7", _upkeep.Downgrade(new DowngradeRequest { Action = DowngradeRequest.Types.DowngradeAction.Cancel })
            .Version);
    }

    [Fact]
    public void Health_knows_the_server_alone()
    {
        var health = new Health.HealthClient(_server.Channel);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Check(new HealthCheckRequest()).Status);
        Assert.Equal((5, "unknown service"), Failure(() => health.Check(new HealthCheckRequest { Service = "etcdserverpb.KV" })));
    }

    [Fact]
    public async Task A_lock_has_the_key_of_its_lease_and_is_waited_for()
    {
        var locks = new Protocol.Locks.Lock.LockClient(_server.Channel);
        _leases.LeaseGrant(new LeaseGrantRequest { TTL = 1000, ID = 255 });
        _leases.LeaseGrant(new LeaseGrantRequest { TTL = 1000, ID = 4096 });
        Assert.Equal("lk3/ff", locks.Lock(new LockRequest { Name = Bytes("lk3"), Lease = 255 }).Key.ToStringUtf8());
        Assert.Equal("lk3/ff", locks.Lock(new LockRequest { Name = Bytes("lk3"), Lease = 255 }).Key.ToStringUtf8());
        AsyncUnaryCall<LockResponse> second = locks.LockAsync(new LockRequest { Name = Bytes("lk3"), Lease = 4096 });
        while (_server.Keys.Range(new RangeRequest { Key = Bytes("lk3/1000") }).Count == 0)
        {
            await Task.Yield();
        }

        Assert.False(second.ResponseAsync.IsCompleted);
        locks.Unlock(new UnlockRequest { Key = Bytes("lk3/ff") });
        Assert.Equal("lk3/1000", (await second.ResponseAsync.WaitAsync(TimeSpan.FromSeconds(60))).Key.ToStringUtf8());
        Assert.Equal((2, "etcdserver: requested lease not found"),
            Failure(() => locks.Lock(new LockRequest { Name = Bytes("x"), Lease = 9 })));
        Assert.Equal((2, "etcdserver: key is not provided"), Failure(() => locks.Unlock(new UnlockRequest())));
    }

    [Fact]
    public async Task An_election_has_a_leader_who_may_proclaim_and_resign()
    {
        var elections = new Election.ElectionClient(_server.Channel);
        _leases.LeaseGrant(new LeaseGrantRequest { TTL = 1000, ID = 4096 });
        Assert.Equal((2, "election: no leader"), Failure(() => elections.Leader(new LeaderRequest { Name = Bytes("el") })));
        LeaderKey leader = elections.Campaign(new CampaignRequest { Name = Bytes("el"), Lease = 4096, Value = Bytes("v") })
            .Leader;
        Assert.Equal("el/1000", leader.Key.ToStringUtf8());
        using AsyncServerStreamingCall<LeaderResponse> observed = elections.Observe(new LeaderRequest { Name = Bytes("el") });
        Assert.True(await observed.ResponseStream.MoveNext());
        Assert.Equal("v", observed.ResponseStream.Current.Kv.Value.ToStringUtf8());
        elections.Proclaim(new ProclaimRequest { Leader = leader, Value = Bytes("w") });
        Assert.True(await observed.ResponseStream.MoveNext());
        Assert.Equal("w", observed.ResponseStream.Current.Kv.Value.ToStringUtf8());
        Assert.Equal("w", elections.Leader(new LeaderRequest { Name = Bytes("el") }).Kv.Value.ToStringUtf8());
        var wrong = new LeaderKey(leader) { Rev = 1 };
        Assert.Equal((2, "election: not leader"), Failure(() => elections.Proclaim(new ProclaimRequest { Leader = wrong })));
        elections.Resign(new ResignRequest { Leader = wrong });
        Assert.Equal((2, "\"leader\" field must be provided"), Failure(() => elections.Resign(new ResignRequest())));
        elections.Resign(new ResignRequest { Leader = leader });
        Assert.Equal((2, "election: no leader"), Failure(() => elections.Leader(new LeaderRequest { Name = Bytes("el") })));
    }

    private void Alarm(AlarmRequest.Types.AlarmAction action, AlarmType type) =>
        _upkeep.Alarm(new AlarmRequest { Action = action, Alarm = type, MemberID = 7 });

    private HashKVResponse Hash(long revision) => _upkeep.HashKV(new HashKVRequest { Revision = revision });

    private void Put(string key, string value) => _server.Keys.Put(new PutRequest { Key = Bytes(key), Value = Bytes(value) });
}
