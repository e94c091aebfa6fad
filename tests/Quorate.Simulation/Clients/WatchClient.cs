using Google.Protobuf;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Simulation.Cluster;

namespace Quorate.Simulation.Clients;

/// <summary>
/// Watches everything, at one member after another, each time from where it left off: what it is told must be the history,
/// without a gap, once and in order (spec 08 §20.4, N17).
/// </summary>
internal sealed class WatchClient(ClusterOfMachines cluster, Random random)
{
    private long _next = 2;

    public long Events { get; private set; }

    public async Task RunAsync()
    {
        while (!cluster.HasEnded)
        {
            Machine[] up = [.. cluster.Machines.Where(machine => machine.IsServing)];
            if (up.Length == 0)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), cluster.Clock);
                continue;
            }

            await WatchAsync(up[random.Next(up.Length)], TimeSpan.FromMilliseconds(random.Next(100, 5000)));
        }
    }

    /// <summary>Whether everything up to a revision was told.</summary>
    public bool HasSeen(long revision) => _next > revision;

    private async Task WatchAsync(Machine machine, TimeSpan time)
    {
        int incarnation = machine.Incarnation;
        TimeSpan end = cluster.Scheduler.Now + time;
        using WatchStream stream = machine.Member!.Watches.Open();
        stream.Create(new WatchCreateRequest
        {
            Key = ByteString.CopyFrom(0),
            RangeEnd = ByteString.CopyFrom(0),
            StartRevision = _next,
        });
        while (cluster.Scheduler.Now < end && machine.Incarnation == incarnation && machine.IsUp && !cluster.HasEnded)
        {
            machine.Member!.Watches.Dispatch();
            while (stream.TryRead() is { } output)
            {
                if (output.Canceled)
                {
                    // Compacted: a client goes on from there.
                    Truth.Expect(output.CompactRevision > _next && output.CompactRevision <= cluster.Compacted,
                        $"machine {machine.Number} ended a watch at {_next}: {output}");
                    _next = output.CompactRevision;
                    await Task.Delay(TimeSpan.FromMilliseconds(1), cluster.Clock);
                    return;
                }

                Take(machine, output);
            }

            if (random.Next(10) == 0)
            {
                stream.RequestProgress();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(5, 100)), cluster.Clock);
        }
    }

    private void Take(Machine machine, WatchOutput output)
    {
        if (output.Created)
        {
            return;
        }

        if (output.Events.Count == 0)
        {
            Truth.Expect(output.Revision < _next || cluster.IsCompacted(_next),
                $"machine {machine.Number} told progress {output.Revision} where {_next} was not told");
            return;
        }

        foreach (IGrouping<long, WatchEvent> revision in output.Events.GroupBy(each => each.Revision))
        {
            Truth.Expect(revision.Key == _next, $"machine {machine.Number} told revision {revision.Key} where {_next} was to come");
            (string, string?)[] told = [.. revision.Select(each => (
                ByteString.CopyFrom(each.Change.Key).ToStringUtf8(),
                each.Change.Row is null ? null : Protocol.KeyValues.KeyValue.Parser.ParseFrom(each.Change.Row).Value.ToStringUtf8()))];
            Truth.Expect(told.SequenceEqual(cluster.Truth.EventsOf(revision.Key)), $"machine {machine.Number} told revision {revision.Key} wrongly");
            Events += told.Length;
            _next++;
        }
    }
}
