using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Leasing;
using Quorate.Protocol;
using Quorate.Simulation.Disks;
using Quorate.Storage.Bolt;

namespace Quorate.Mvcc.Tests;

/// <summary>
/// A store that crashes and applies its log again from the index that its database holds must come to the same state as one that
/// never did (spec 08 §20.4, N16; §21, B-21 to B-29).
/// </summary>
public sealed class CrashReplayTests
{
    [Fact]
    public void Crashes_and_replays_leave_no_trace_in_the_store()
    {
        int crashes = 0;
        for (int seed = 1; seed <= 100; seed++)
        {
            var random = new Random(seed);
            Request[] log = [.. Enumerable.Range(0, 300).Select(index => Draw(random, index))];
            var expected = new Store(new SimulatedDisk(seed));
            foreach (Request request in log)
            {
                expected.Apply(request);
            }

            var disk = new SimulatedDisk(seed);
            Prepare(disk);
            long durable = 0;
            for (bool isDone = false; !isDone;)
            {
                try
                {
                    var store = new Store(disk);
                    Assert.True(store.Applied >= durable, $"seed {seed}: index {store.Applied} after {durable} was committed");
                    disk.CrashAfter(random.Next(5, 150));
                    for (long index = store.Applied + 1; index <= log.Length; index++)
                    {
                        Assert.Equal(expected.Outcomes[(int)index - 1], store.Apply(log[index - 1]));
                        durable = store.Work(random) ?? durable;
                    }

                    disk.CrashAfter(long.MaxValue);
                    Assert.Equal(expected.Describe(), store.Describe());
                    isDone = true;
                }
                catch (SimulatedCrashException)
                {
                    crashes++;
                    disk.Crash((CrashLoss)random.Next(4));
                }
            }
        }

        Assert.True(crashes > 100, $"only {crashes} crashes");
    }

    private static void Prepare(SimulatedDisk disk)
    {
        SimulatedFileSystem files = disk.Mount();
        files.CreateDirectory("/data");
        files.SyncDirectory("/");
        Backend.Open(files, "/data/db").Dispose();
    }

    private static Request Draw(Random random, int index)
    {
        ByteString key = ByteString.CopyFromUtf8($"k{random.Next(30):d2}");
        return random.Next(20) switch
        {
            < 11 => new Request(Put: new PutRequest { Key = key, Value = ByteString.CopyFromUtf8(new string('v', random.Next(200)) + index) }),
            < 15 => new Request(Delete: new DeleteRangeRequest { Key = key, RangeEnd = random.Next(4) == 0 ? ByteString.CopyFrom(0) : ByteString.Empty }),
            < 18 => new Request(Txn: new TxnRequest
            {
                Success =
                {
                    new RequestOp { RequestPut = new PutRequest { Key = key, Value = ByteString.CopyFromUtf8($"t{index}") } },
                    new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8($"k{random.Next(30):d2}") } },
                },
            }),
            _ => new Request(CompactBack: random.Next(1, 30)),
        };
    }

    private sealed record Request(PutRequest? Put = null, DeleteRangeRequest? Delete = null, TxnRequest? Txn = null, long CompactBack = 0);

    private sealed class Store
    {
        private readonly Keyspace _keyspace;
        private readonly List<string> _changes = [];

        public Store(SimulatedDisk disk)
        {
            SimulatedFileSystem files = disk.Mount();
            files.CreateDirectory("/data");
            Backend = Backend.Open(files, "/data/db", new BoltOptions { GrowthStep = 1 << 16 });
            _keyspace = new Keyspace(Backend, new Lessor(Backend, new FakeTimeProvider(), 1));
            _keyspace.Changed += (revision, changes) => _changes.Add($"{revision}:" + string.Join(',', changes.Select(change =>
                Convert.ToHexString(change.Key) + (change.Row is null ? " gone" : Convert.ToHexString(change.Row)))));
            Applied = (long)Backend.ConsistentIndex;
        }

        public Backend Backend { get; }

        public long Applied { get; private set; }

        public List<string> Outcomes { get; } = [];

        public string Apply(Request request)
        {
            _changes.Clear();
            string outcome = "";
            try
            {
                if (request.Put is { } put)
                {
                    _keyspace.Put(put);
                }
                else if (request.Delete is { } delete)
                {
                    _keyspace.DeleteRange(delete);
                }
                else if (request.Txn is { } txn)
                {
                    _keyspace.Txn(txn);
                }
                else
                {
                    _ = _keyspace.Compact(Math.Max(1, _keyspace.Revision - request.CompactBack));
                }
            }
            catch (EtcdException refusal)
            {
                outcome = refusal.Message;
            }

            Applied++;
            Backend.SetConsistentIndex((ulong)Applied, 1);
            outcome += $" {_keyspace.Revision} {_keyspace.CompactedRevision} {string.Join(';', _changes)}";
            Outcomes.Add(outcome);
            return outcome;
        }

        /// <summary>Compacts and commits at leisure; the index that is durable then, if that is known.</summary>
        public long? Work(Random random)
        {
            switch (random.Next(8))
            {
                case 0:
                    _keyspace.CompactStep(random.Next(1, 10));
                    return null;
                case 1:
                    Backend.Freeze();
                    return null;
                case 2:
                    Backend.CommitFrozen();
                    return null;
                case 3 when random.Next(4) == 0:
                    Backend.Commit();
                    return Applied;
                case 4 when random.Next(5) == 0:
                    Backend.Defragment();
                    return null;
                default:
                    return null;
            }
        }

        public string Describe()
        {
            _keyspace.CompactStep(int.MaxValue);
            KeyHash hash = _keyspace.HashKv(0);
            using RangeResult all = _keyspace.Range(new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) });
            return $"{hash} {all.Count} {Convert.ToHexString(all.ToResponse().ToByteArray())}";
        }
    }
}
