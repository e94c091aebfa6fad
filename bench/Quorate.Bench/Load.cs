using System.Diagnostics;
using Google.Protobuf;
using Quorate.Protocol;

namespace Quorate.Bench;

/// <summary>A closed loop of unary calls over some connections, each with a number of calls in flight.</summary>
public static class Load
{
    private const int KeySpace = 10_000;

    public static string MethodOf(string row) => row switch
    {
        "put" => "/etcdserverpb.KV/Put",
        "txn" => "/etcdserverpb.KV/Txn",
        _ => "/etcdserverpb.KV/Range",
    };

    public static Measurement Run(ServerUnderTest server, string row, int connections, int streams, TimeSpan duration)
    {
        byte[][] messages = [.. Enumerable.Range(0, KeySpace).Select(number => Message(row, number))];
        var latencies = new List<double>[connections];
        int errors = 0;
        TimeSpan cpuBefore = server.CpuTime();
        var watch = Stopwatch.StartNew();
        Thread[] threads = [.. Enumerable.Range(0, connections).Select(index => new Thread(() =>
        {
            latencies[index] = [];
            using var connection = new LeanConnection(server.Addresses[index % server.Addresses.Count], 2379, MethodOf(row));
            var random = new Random(index);
            var sent = new Dictionary<uint, long>();
            var withMessage = new HashSet<uint>();
            void Send() => sent[connection.Call(messages[random.Next(KeySpace)])] = Stopwatch.GetTimestamp();
            for (int stream = 0; stream < streams; stream++)
            {
                Send();
            }

            while (sent.Count > 0)
            {
                connection.Flush();
                connection.Receive((stream, good) =>
                {
                    latencies[index].Add(Stopwatch.GetElapsedTime(sent[stream]).TotalMilliseconds);
                    sent.Remove(stream);
                    if (!good)
                    {
                        Interlocked.Increment(ref errors);
                    }

                    if (watch.Elapsed < duration)
                    {
                        Send();
                    }
                }, withMessage);
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        double seconds = watch.Elapsed.TotalSeconds;
        TimeSpan cpu = server.CpuTime() - cpuBefore;
        double[] sorted = [.. latencies.SelectMany(list => list).Order()];
        return new Measurement(sorted.Length / seconds, sorted[sorted.Length / 2], sorted[(int)(sorted.Length * 0.99)],
            cpu.TotalMicroseconds / sorted.Length, server.ResidentMiB(), errors);
    }

    private static byte[] Message(string row, int number)
    {
        ByteString key = ByteString.CopyFromUtf8($"bench/{number:D8}");
        ByteString value = ByteString.CopyFrom(Enumerable.Repeat((byte)('a' + (number % 26)), 256).ToArray());
        var put = new PutRequest { Key = key, Value = value };
        var range = new RangeRequest { Key = key };
        return row switch
        {
            "put" => put.ToByteArray(),
            "range" => range.ToByteArray(),
            "serializable" => new RangeRequest(range) { Serializable = true }.ToByteArray(),
            "list1000" => new RangeRequest { Key = key, RangeEnd = ByteString.CopyFromUtf8("bench0"), Limit = 1000, Serializable = true }
                .ToByteArray(),
            "txn" => Txn(range, put).ToByteArray(),
            _ => throw new ArgumentException($"no such row: {row}"),
        };
    }

    private static TxnRequest Txn(RangeRequest range, PutRequest put)
    {
        var txn = new TxnRequest();
        txn.Compare.Add(new Compare
        {
            Key = put.Key,
            Target = Compare.Types.CompareTarget.Version,
            Result = Compare.Types.CompareResult.Greater,
            Version = 0,
        });
        txn.Success.Add(new RequestOp { RequestPut = put });
        txn.Failure.Add(new RequestOp { RequestRange = range });
        return txn;
    }
}
