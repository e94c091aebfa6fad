using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Server.Replication;
using Quorate.Simulation.Cluster;
using Quorate.Simulation.Histories;

namespace Quorate.Simulation.Clients;

/// <summary>Puts, deletes, compares and reads keys, one call after another, and writes down what it was told.</summary>
internal sealed class KeyClient(ClusterOfMachines cluster, int number, Random random)
{
    private readonly Caller _caller = new(cluster, random);
    private int _values;

    public async Task RunAsync()
    {
        while (!cluster.IsEnding)
        {
            await _caller.Sleep(TimeSpan.FromMilliseconds(random.Next(1, 60)));
            if (_caller.Pick() is { } member)
            {
                await CallAsync(member);
            }
        }
    }

    public async Task CallAsync(IMember member)
    {
        Operation operation = Draw();
        cluster.Operations.Add(operation);
        try
        {
            await DoAsync(member, operation);
            operation.Answered = cluster.Scheduler.Now;
            cluster.Answered++;
        }
        catch (Exception error) when (Caller.IsExpected(error))
        {
            // What happened is not known.
            cluster.Unanswered++;
        }
    }

    private Operation Draw()
    {
        var kind = (OperationKind)random.Next(5);
        kind = random.Next(3) == 0 ? OperationKind.Put : kind;
        string key = $"k{random.Next(cluster.Settings.Keys)}";
        return new Operation
        {
            Client = number,
            Kind = kind,
            Key = key,
            Value = kind is OperationKind.Put or OperationKind.PutIfUnchanged ? $"c{number}-{_values++}" : null,
            ExpectedRevision = kind == OperationKind.PutIfUnchanged ? cluster.LastSeen(key, random) : 0,
            Begun = cluster.Scheduler.Now,
        };
    }

    private async Task DoAsync(IMember member, Operation operation)
    {
        ByteString key = ByteString.CopyFromUtf8(operation.Key);
        switch (operation.Kind)
        {
            case OperationKind.Put:
                PutResponse put = await _caller.Propose<PutResponse>(member, new InternalRaftRequest { Put = Put(operation) });
                operation.Revision = put.Header.Revision;
                cluster.Saw(operation.Key, put.Header.Revision);
                break;
            case OperationKind.PutIfUnchanged:
                TxnResponse txn = await _caller.Propose<TxnResponse>(member, new InternalRaftRequest { Txn = Txn(operation) });
                (operation.Revision, operation.HasChanged) = (txn.Header.Revision, txn.Succeeded);
                break;
            case OperationKind.Delete:
                DeleteRangeResponse deleted = await _caller.Propose<DeleteRangeResponse>(member,
                    new InternalRaftRequest { DeleteRange = new DeleteRangeRequest { Key = key } });
                (operation.Revision, operation.HasChanged) = (deleted.Header.Revision, deleted.Deleted > 0);
                break;
            default:
                bool isStale = cluster.Settings.Bug == PlantedBug.StaleReads;
                RangeResponse read = await _caller.Read(member,
                    new RangeRequest { Key = key, Serializable = operation.Kind == OperationKind.SerializableRead || isStale });
                operation.Revision = read.Header.Revision;
                operation.Value = read.Kvs.Count == 0 ? null : read.Kvs[0].Value.ToStringUtf8();
                operation.ModRevision = read.Kvs.Count == 0 ? 0 : read.Kvs[0].ModRevision;
                cluster.Saw(operation.Key, operation.ModRevision);
                break;
        }
    }

    private static PutRequest Put(Operation operation) => new()
    {
        Key = ByteString.CopyFromUtf8(operation.Key),
        Value = ByteString.CopyFromUtf8(operation.Value!),
    };

    private static TxnRequest Txn(Operation operation) => new()
    {
        Compare =
        {
            new Compare
            {
                Key = ByteString.CopyFromUtf8(operation.Key),
                Target = Compare.Types.CompareTarget.Mod,
                Result = Compare.Types.CompareResult.Equal,
                ModRevision = operation.ExpectedRevision,
            },
        },
        Success = { new RequestOp { RequestPut = Put(operation) } },
    };
}
