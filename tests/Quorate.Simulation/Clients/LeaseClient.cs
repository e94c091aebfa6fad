using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Server.Replication;
using Quorate.Simulation.Cluster;

namespace Quorate.Simulation.Clients;

/// <summary>
/// Grants a lease, hangs a key on it, keeps it alive for a while and lets it go. While the lease was kept alive its key may not
/// go; when it was not, the key must (spec 08 §20.4, N18).
/// </summary>
internal sealed class LeaseClient(ClusterOfMachines cluster, int number, Random random)
{
    private readonly Caller _caller = new(cluster, random);
    private int _leases;

    public async Task RunAsync()
    {
        while (!cluster.IsEnding)
        {
            await _caller.Sleep(TimeSpan.FromMilliseconds(random.Next(100, 2000)));
            if (_caller.Pick() is { } member)
            {
                try
                {
                    await LiveAsync(member);
                }
                catch (Exception error) when (Caller.IsExpected(error))
                {
                    cluster.Unanswered++;
                }
            }
        }
    }

    private async Task LiveAsync(IMember member)
    {
        var lease = new LeaseHistory { Id = (number * 1_000_000) + ++_leases, Key = $"lease-{number}-{_leases}" };
        LeaseGrantResponse grant = await _caller.Propose<LeaseGrantResponse>(member,
            new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = lease.Id, TTL = random.Next(2, 8) } });
        lease.Ttl = TimeSpan.FromSeconds(grant.TTL);
        cluster.Leases.Add(lease);
        TimeSpan asked = cluster.Scheduler.Now;
        PutResponse put = await _caller.Propose<PutResponse>(member, new InternalRaftRequest
        {
            Put = new PutRequest { Key = ByteString.CopyFromUtf8(lease.Key), Value = ByteString.CopyFromUtf8(lease.Key), Lease = lease.Id },
        });
        lease.PutRevision = put.Header.Revision;
        int renewals = random.Next(5);
        for (int i = 0; i < renewals && !cluster.IsEnding; i++)
        {
            await _caller.Sleep(lease.Ttl / 3);
            if (_caller.Pick() is not { } next)
            {
                continue;
            }

            asked = cluster.Scheduler.Now;
            using var limit = new CancellationTokenSource(Caller.Patience, cluster.Clock);
            if (await next.RenewLeaseAsync(lease.Id, limit.Token).WaitAsync(Caller.Patience, cluster.Clock) == 0)
            {
                return;
            }

            // It counts from the moment at which it was asked for: earlier than that the leader did not renew it.
            lease.KeptUntil = asked + lease.Ttl;
        }
    }
}
