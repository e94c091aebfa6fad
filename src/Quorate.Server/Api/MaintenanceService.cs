using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Mvcc;
using Quorate.Protocol;
using Quorate.Server.Membership;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Schema;

namespace Quorate.Server.Api;

/// <summary>Upkeep (spec 03 §4).</summary>
internal sealed class MaintenanceService(ServiceContext services, HealthService health) : Maintenance.MaintenanceBase
{
    private const int BlobSize = 32 * 1024;

    public override Task<AlarmResponse> Alarm(AlarmRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: false, async () =>
    {
        // In the log these would stop members of other versions for good (spec 03 §4.1).
        if (!Enum.IsDefined(request.Action))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "etcdserver: unknown alarm action"));
        }

        if (request.Action == AlarmRequest.Types.AlarmAction.Activate && !Enum.IsDefined(request.Alarm))
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "etcdserver: unknown alarm type"));
        }

        if (request.Action == AlarmRequest.Types.AlarmAction.Get)
        {
            await services.CheckCallerAsync(context).ConfigureAwait(false);
        }
        else
        {
            await services.CheckAdminAsync(context).ConfigureAwait(false);
        }

        AlarmResponse response = await services.ProposeAsync<AlarmResponse>(new InternalRaftRequest { Alarm = request }, null,
            context.CancellationToken)
            .ConfigureAwait(false);
        response.Header = services.Header();
        return response;
    });

    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: true, async () =>
    {
        await services.CheckCallerAsync(context).ConfigureAwait(false);
        Replication.IMember member = services.Member;
        bool isNew = member.Options.CompatVersion >= new Version(3, 6);
        var response = new StatusResponse
        {
            Header = services.Header(),
            Version = member.AdvertisedVersion,
            DbSize = member.Backend.Size,
            DbSizeInUse = member.Backend.SizeInUse,
            Leader = member.LeaderId,
            RaftIndex = member.CommittedIndex,
            RaftTerm = member.AppliedTerm,
            RaftAppliedIndex = member.AppliedIndex,
            IsLearner = member.IsLearner,
        };
        if (isNew)
        {
            response.StorageVersion = StorageVersion();
            response.DbSizeQuota = member.Options.QuotaBackendBytes == 0 ? 2L * 1024 * 1024 * 1024
                : member.Options.QuotaBackendBytes;
            response.DowngradeInfo = member.Cluster.DowngradeTarget is { } target
                ? new DowngradeInfo { Enabled = true, TargetVersion = $"{target.Major}.{target.Minor}.0" }
                : new DowngradeInfo();
        }

        if (member.LeaderId == 0)
        {
            response.Errors.Add(EtcdErrors.NoLeader.Message);
        }

        foreach (AlarmMember alarm in member.Alarms)
        {
            response.Errors.Add((alarm.MemberID == 0 ? "" : $"memberID:{alarm.MemberID} ")
                + $"alarm:{alarm.Alarm.ToString().ToUpperInvariant()} ");
        }

        return response;
    });

    public override Task<DefragmentResponse> Defragment(DefragmentRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: false, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        health.SetServing(!services.Options.StopOnDefrag);
        try
        {
            services.Member.Options.Metrics.DefragsInFlight.Set(1);
            long start = Stopwatch.GetTimestamp();
            await services.Member.DefragmentAsync(context.CancellationToken).ConfigureAwait(false);
            services.Member.Options.Metrics.BackendDefrag.ObserveSince(start);
        }
        finally
        {
            services.Member.Options.Metrics.DefragsInFlight.Set(0);
            health.SetServing(true);
        }

        return new DefragmentResponse();
    });

    public override Task<HashResponse> Hash(HashRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: false, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        using BoltReadTransaction copy = await services.Member.SnapshotAsync(context.CancellationToken).ConfigureAwait(false);
        long start = Stopwatch.GetTimestamp();
        var response = new HashResponse { Header = services.Header(), Hash = WholeHash(copy) };
        services.Member.Options.Metrics.WholeHash.ObserveSince(start);
        return response;
    });

    public override Task<HashKVResponse> HashKV(HashKVRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: false, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        long start = Stopwatch.GetTimestamp();
        KeyHash hash = services.Member.Keyspace.HashKv(request.Revision);
        services.Member.Options.Metrics.KeyHash.ObserveSince(start);
        var response = new HashKVResponse
        {
            Header = services.Header(hash.Revision),
            Hash = hash.Hash,
            CompactRevision = hash.CompactRevision
        };
        if (services.Member.Options.CompatVersion >= new Version(3, 6))
        {
            response.HashRevision = hash.HashRevision;
        }

        return response;
    });

    public override async Task Snapshot(SnapshotRequest request, IServerStreamWriter<SnapshotResponse> responseStream,
        ServerCallContext context)
    {
        try
        {
            services.CheckCall(context, learnerMay: true);
            await services.CheckAdminAsync(context).ConfigureAwait(false);
            long start = Stopwatch.GetTimestamp();
            using BoltReadTransaction copy = await services.Member.SnapshotAsync(context.CancellationToken).ConfigureAwait(false);
            string version = services.Member.Options.CompatVersion >= new Version(3, 6) ? StorageVersion() : "";
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            ulong remaining = (ulong)copy.Size;
            foreach (byte[] blob in Blobs(copy))
            {
                hash.AppendData(blob);
                remaining -= (ulong)blob.Length;
                await responseStream.WriteAsync(
                    new SnapshotResponse
                    {
                        RemainingBytes = remaining,
                        Blob = UnsafeByteOperations.UnsafeWrap(blob),
                        Version = version
                    },
                    context.CancellationToken).ConfigureAwait(false);
            }

            await responseStream.WriteAsync(new SnapshotResponse
            {
                Blob = ByteString.CopyFrom(hash.GetHashAndReset()),
                Version = version
            }, context.CancellationToken)
                .ConfigureAwait(false);
            services.Member.Options.Metrics.BackendSnapshot.ObserveSince(start);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    public override Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: false, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        if (!services.Member.IsLeader)
        {
            throw EtcdErrors.NotLeader;
        }

        await services.Member.MoveLeaderAsync(request.TargetID, context.CancellationToken).ConfigureAwait(false);
        return new MoveLeaderResponse();
    });

    public override Task<DowngradeResponse> Downgrade(DowngradeRequest request, ServerCallContext context) =>
        RunAsync(context, learnerMay: false, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        switch (request.Action)
        {
            case DowngradeRequest.Types.DowngradeAction.Validate:
                await ValidateDowngradeAsync(request.Version, context).ConfigureAwait(false);
                break;
            case DowngradeRequest.Types.DowngradeAction.Enable:
                Version target = await ValidateDowngradeAsync(request.Version, context).ConfigureAwait(false);
                await SetDowngradeAsync(new() { Enabled = true, Ver = $"{target.Major}.{target.Minor}.0" }, context)
                    .ConfigureAwait(false);
                break;
            case DowngradeRequest.Types.DowngradeAction.Cancel:
                await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
                if (services.Member.Cluster.DowngradeTarget is not null)
                {
                    await SetDowngradeAsync(new(), context).ConfigureAwait(false);
                }
                else if (services.Member.Options.CompatVersion < new Version(3, 6))
                {
                    throw EtcdErrors.NoInflightDowngradeJob;
                }

                break;
            default:
                throw new RpcException(new Status(StatusCode.Unknown, "etcdserver: unknown method"));
        }

        Version version = services.Member.Cluster.Version!;
        return new DowngradeResponse
        {
            Header = services.Header(),
            Version = version.ToString(2)
            + (services.Member.Options.CompatVersion < new Version(3, 6) ? ".0" : "")
        };
    });

    private async Task<Version> ValidateDowngradeAsync(string text, ServerCallContext context)
    {
        if (EtcdVersion.ParseMinor(text) is not { } target)
        {
            throw EtcdErrors.WrongDowngradeTargetVersionFormat;
        }

        await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
        Version current = services.Member.Cluster.Version
            ?? throw services.AsOfVersion(EtcdErrors.ClusterVersionNotFoundDuringDowngrade);
        if (target != new Version(current.Major, Math.Max(current.Minor - 1, 0)))
        {
            throw EtcdErrors.InvalidDowngradeTargetVersion;
        }

        return services.Member.Cluster.DowngradeTarget is null ? target : throw EtcdErrors.ClusterHasADowngradeJobInProgress;
    }

    private async Task SetDowngradeAsync(Protocol.Membership.DowngradeInfoSetRequest request, ServerCallContext context) =>
        await services.Member.ProposeAsync(new InternalRaftRequest { DowngradeInfoSet = request }, context.CancellationToken)
            .ConfigureAwait(false);

    private string StorageVersion() => Encoding.ASCII.GetString(services.Member.Backend.ReadMeta(MetaKeys.StorageVersion));

    private static IEnumerable<byte[]> Blobs(BoltReadTransaction copy)
    {
        for (long offset = 0; offset < copy.Size; offset += BlobSize)
        {
            yield return copy.ReadCopy(offset, (int)Math.Min(BlobSize, copy.Size - offset));
        }
    }

    private static uint WholeHash(BoltReadTransaction copy)
    {
        uint hash = 0;
        foreach (byte[] name in copy.BucketNames())
        {
            hash = Crc32C.Update(hash, name);
            bool isMeta = name.AsSpan().SequenceEqual(Buckets.Meta);
            BoltCursor cursor = copy.Bucket(name)!.Cursor();
            for (bool more = cursor.First(); more; more = cursor.Next())
            {
                if (isMeta && (cursor.Key.SequenceEqual(MetaKeys.ConsistentIndex) || cursor.Key.SequenceEqual(MetaKeys.Term)
                    || cursor.Key.SequenceEqual(MetaKeys.StorageVersion)))
                {
                    continue;
                }

                hash = Crc32C.Update(Crc32C.Update(hash, cursor.Key), cursor.Value);
            }
        }

        return hash;
    }

    private async Task<T> RunAsync<T>(ServerCallContext context, bool learnerMay, Func<Task<T>> call)
    {
        try
        {
            services.CheckCall(context, learnerMay);
            return await call().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }
}
