using System.Text;
using Google.Protobuf;
using Quorate.Mvcc;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Server.Api;

/// <summary>
/// What the lock and the election service share: a queue of keys under a prefix, whose oldest is the owner (spec 03 §7).
/// </summary>
internal sealed class Waiting(ServiceContext services)
{
    private const long SessionTtl = 60;

    /// <summary>The key of a candidate: its lease is its name.</summary>
    public static ByteString KeyOf(ByteString prefix, long lease) =>
        ByteString.CopyFrom([.. prefix.Span,
            .. Encoding.ASCII.GetBytes(lease < 0 ? $"-{(ulong)-lease:x}" : lease.ToString("x"))]);

    /// <summary>What the keys under a name begin with. Names are bytes, not text.</summary>
    public static ByteString PrefixOf(ByteString name) => ByteString.CopyFrom([.. name.Span, (byte)'/']);

    /// <summary>Takes a candidate out who has given up: he must not keep others waiting.</summary>
    public async Task LeaveAsync(ByteString key)
    {
        try
        {
            await services.Member.ProposeAsync(
                new InternalRaftRequest { DeleteRange = new DeleteRangeRequest { Key = key }, Header = services.InRootsName() },
                    CancellationToken.None)
                .ConfigureAwait(false);
        }
        catch (EtcdException)
        {
            // His key goes with his lease.
        }
    }

    public async Task<long> LeaseAsync(long lease, CancellationToken cancellation)
    {
        if (lease != 0)
        {
            return lease;
        }

        var grant = new LeaseGrantRequest { TTL = SessionTtl, ID = (long)(services.Member.NextRequestId() & long.MaxValue) };
        await services.Member.ProposeAsync(new InternalRaftRequest { LeaseGrant = grant }, cancellation).ConfigureAwait(false);
        return grant.ID;
    }

    /// <summary>Waits until nobody is before a revision under a prefix.</summary>
    public async Task WaitAsync(ByteString prefix, long revision, CancellationToken cancellation)
    {
        while (true)
        {
            await services.ReadBarrierAsync(cancellation).ConfigureAwait(false);
            RangeResponse last = Range(new RangeRequest
            {
                Key = prefix,
                RangeEnd = ByteString.CopyFrom(KeyRange.EndOfPrefix(prefix.Span)),
                SortOrder = RangeRequest.Types.SortOrder.Descend,
                SortTarget = RangeRequest.Types.SortTarget.Create,
                MaxCreateRevision = revision - 1,
                Limit = 1,
            });
            if (last.Kvs.Count == 0)
            {
                return;
            }

            await WaitForDeleteAsync(last.Kvs[0].Key, last.Header.Revision, cancellation).ConfigureAwait(false);
        }
    }

    public RangeResponse Range(RangeRequest request)
    {
        using RangeResult result = services.Member.Keyspace.Range(request);
        RangeResponse response = result.ToResponse();
        services.Fill(response.Header);
        return response;
    }

    /// <summary>The owner under a prefix; null if there is none.</summary>
    public (KeyValue? Owner, ResponseHeader Header) Owner(ByteString prefix)
    {
        RangeResponse response = Range(new RangeRequest
        {
            Key = prefix,
            RangeEnd = ByteString.CopyFrom(KeyRange.EndOfPrefix(prefix.Span)),
            SortOrder = RangeRequest.Types.SortOrder.Ascend,
            SortTarget = RangeRequest.Types.SortTarget.Create,
            Limit = 1,
        });
        return (response.Kvs.FirstOrDefault(), response.Header);
    }

    private async Task WaitForDeleteAsync(ByteString key, long revision, CancellationToken cancellation)
    {
        using WatchStream stream = services.Member.Watches.Open();
        stream.Create(new WatchCreateRequest { Key = key, StartRevision = revision });
        while (await stream.ReadAsync(cancellation).ConfigureAwait(false) is { } output)
        {
            if (output.Canceled || output.Events.Any(change => change.Change.IsDelete))
            {
                return;
            }
        }
    }
}
