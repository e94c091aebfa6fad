using Quorate.Raft;
using Quorate.Simulation.Time;

namespace Quorate.Simulation.Network;

/// <summary>
/// Carries bytes between machines, late, twice, in another order, or not at all. Links are cut in one direction each.
/// </summary>
public sealed class SimulatedNetwork(Scheduler scheduler, Random random)
{
    private readonly HashSet<(int From, int To)> _cuts = [];
    private readonly Dictionary<int, SimulatedTransport> _endpoints = [];
    private readonly Dictionary<(int From, int To), TimeSpan> _lastArrival = [];

    public LinkFaults Faults { get; set; } = LinkFaults.None;

    public long Sent { get; private set; }

    public long Dropped { get; private set; }

    public long Duplicated { get; private set; }

    public long HeldUp { get; private set; }

    public void Cut(int from, int to) => _cuts.Add((from, to));

    public void HealAll() => _cuts.Clear();

    public bool IsCut(int from, int to) => _cuts.Contains((from, to));

    internal void Attach(int machine, SimulatedTransport transport) => _endpoints[machine] = transport;

    internal void Detach(int machine) => _endpoints.Remove(machine);

    /// <summary>
    /// The transport that serves at a machine now, as seen from another one; null if it is down or cannot be reached both ways.
    /// </summary>
    internal SimulatedTransport? Reach(int from, int to) =>
        IsCut(from, to) || IsCut(to, from) ? null : _endpoints.GetValueOrDefault(to);

    /// <param name="mayDouble">
    /// False for a proposal: it is a request of its own each time, which no connection brings twice.
    /// </param>
    internal void Send(int from, int to, byte[] message, bool mayDouble)
    {
        Sent++;
        if (IsCut(from, to) || random.NextDouble() < Faults.Drop)
        {
            Dropped++;
            return;
        }

        Carry(from, to, message);
        if (mayDouble && random.NextDouble() < Faults.Duplicate)
        {
            Duplicated++;
            Carry(from, to, message);
        }
    }

    /// <summary>Something that takes the time of a message, once; false is told where it does not arrive.</summary>
    internal void Deliver(int from, int to, int bytes, Action<SimulatedTransport?> arrive)
    {
        bool lost = IsCut(from, to) || random.NextDouble() < Faults.Drop;
        TimeSpan delay = Delay() + TimeSpan.FromMilliseconds(bytes / 10_000.0);
        scheduler.After(delay, () => arrive(lost || IsCut(from, to) ? null : _endpoints.GetValueOrDefault(to)));
    }

    private void Carry(int from, int to, byte[] message)
    {
        TimeSpan at = scheduler.Now + Delay();
        if (random.NextDouble() < Faults.HoldUp)
        {
            HeldUp++;
            at += Faults.LongDelay * random.NextDouble();
        }
        else if (random.Next(4) > 0)
        {
            // Mostly in order, as a stream keeps it.
            at = _lastArrival.TryGetValue((from, to), out TimeSpan last) && last > at ? last : at;
            _lastArrival[(from, to)] = at;
        }

        scheduler.At(at, () =>
        {
            if (!IsCut(from, to) && _endpoints.TryGetValue(to, out SimulatedTransport? transport))
            {
                transport.Receive(from, RaftWire.DecodeMessage(message));
            }
            else
            {
                Dropped++;
            }
        });
    }

    private TimeSpan Delay() => Faults.MinDelay + ((Faults.MaxDelay - Faults.MinDelay) * random.NextDouble());
}
