using System.Collections.Concurrent;
using Google.Protobuf;
using Grpc.Core;
using Quorate.Protocol;

namespace Quorate.EndToEnd.Tests.Processes;

/// <summary>
/// Writers that put one new key after another, each through all members in turn, and keep what was acknowledged. A put that failed may
/// have happened: its key is not used again.
/// </summary>
public sealed class WriteLoad : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ClusterMember[] _members;
    private readonly Task[] _writers;
    private long _longestPause;
    private long _lastAcknowledged = Environment.TickCount64;

    public WriteLoad(ClusterMember[] members, int writers = 4, string prefix = "w")
    {
        _members = members;
        Prefix = prefix;
        _writers = [.. Enumerable.Range(0, writers).Select(number => Task.Run(() => WriteAsync(number)))];
    }

    public string Prefix { get; }

    /// <summary>Key and value of each acknowledged put.</summary>
    public ConcurrentDictionary<string, string> Acknowledged { get; } = new();

    /// <summary>The longest time in milliseconds in which no writer had an acknowledgement.</summary>
    public long LongestPause => Interlocked.Read(ref _longestPause);

    /// <summary>Forgets the pauses so far.</summary>
    public void StartMeasuringPauses()
    {
        Interlocked.Exchange(ref _lastAcknowledged, Environment.TickCount64);
        Interlocked.Exchange(ref _longestPause, 0);
    }

    /// <summary>Waits until some more puts were acknowledged.</summary>
    public async Task MoreAsync(int count)
    {
        int target = Acknowledged.Count + count;
        await Eventually.HoldsAsync(() => Task.FromResult(Acknowledged.Count >= target),
            () => $"{Acknowledged.Count} of {target} writes acknowledged");
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers);
    }

    /// <summary>Each acknowledged key must be there with its value, by a linearizable read through the member.</summary>
    public async Task AssertAllThereAsync(ClusterMember member)
    {
        using var connection = new Connection(member);
        var found = new Dictionary<string, string>();
        await Eventually.HoldsAsync(async () =>
            {
                try
                {
                    RangeResponse response = await connection.Kv.RangeAsync(new RangeRequest
                    {
                        Key = ByteString.CopyFromUtf8(Prefix),
                        RangeEnd = ByteString.CopyFromUtf8(Prefix[..^1] + (char)(Prefix[^1] + 1)),
                    }, deadline: Connection.Within(10));
                    found = response.Kvs.ToDictionary(pair => pair.Key.ToStringUtf8(), pair => pair.Value.ToStringUtf8());
                    return true;
                }
                catch (RpcException)
                {
                    return false;
                }
            },
            () => $"no reads through {member.Name}: {member.Program?.Output}");
        string[] lost = [.. Acknowledged.Where(pair => found.GetValueOrDefault(pair.Key) != pair.Value).Select(pair => pair.Key).Order()];
        Assert.True(lost.Length == 0, $"{member.Name} lost {lost.Length} of {Acknowledged.Count}: {string.Join(' ', lost.Take(10))}");
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task WriteAsync(int writer)
    {
        Connection[] connections = [.. _members.Select(member => new Connection(member))];
        for (int number = 0; !_stop.IsCancellationRequested; number++)
        {
            string key = $"{Prefix}{writer}/{number:D7}", value = $"value of {writer}/{number}";
            try
            {
                await connections[(writer + number) % connections.Length].Kv.PutAsync(
                    new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) },
                    deadline: Connection.Within(2));
                Acknowledged[key] = value;
                long now = Environment.TickCount64;
                long pause = now - Interlocked.Exchange(ref _lastAcknowledged, now);
                if (pause > Interlocked.Read(ref _longestPause))
                {
                    Interlocked.Exchange(ref _longestPause, pause);
                }
            }
            catch (RpcException)
            {
                await Task.Yield();
            }
        }

        foreach (Connection connection in connections)
        {
            connection.Dispose();
        }
    }
}
