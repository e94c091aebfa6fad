namespace Quorate.Simulation.Time;

/// <summary>
/// All that happens, in the order of virtual time; what is due at the same moment goes in the order in which it was asked for.
/// </summary>
public sealed class Scheduler
{
    private readonly PriorityQueue<Action, (long Ticks, long Order)> _due = new();
    private long _order;

    /// <summary>Since the beginning of the run.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>Events so far.</summary>
    public long Events { get; private set; }

    public void At(TimeSpan time, Action action) =>
        _due.Enqueue(action, (Math.Max(time.Ticks, Now.Ticks), _order++));

    public void After(TimeSpan delay, Action action) => At(Now + delay, action);

    /// <summary>Goes on until a time.</summary>
    public void RunUntil(TimeSpan time)
    {
        while (_due.TryPeek(out _, out (long Ticks, long Order) next) && next.Ticks <= time.Ticks)
        {
            Action action = _due.Dequeue();
            Now = TimeSpan.FromTicks(next.Ticks);
            Events++;
            action();
        }

        Now = time > Now ? time : Now;
    }
}
