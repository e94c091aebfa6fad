namespace Quorate.Simulation.Time;

/// <summary>
/// All that happens, in the order of virtual time; what is due at the same moment goes in the order in which it was asked for.
/// Continuations of asynchronous code that runs within come here too, so that one thread does everything.
/// </summary>
public sealed class Scheduler : SynchronizationContext
{
    private readonly PriorityQueue<Action, (long Ticks, long Order)> _due = new();
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();
    private long _order;

    /// <summary>Since the beginning of the run.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>Events so far.</summary>
    public long Events { get; private set; }

    public void At(TimeSpan time, Action action) =>
        _due.Enqueue(action, (Math.Max(time.Ticks, Now.Ticks), _order++));

    public void After(TimeSpan delay, Action action) => At(Now + delay, action);

    /// <summary>Does what is due next; false if nothing is.</summary>
    public bool Step()
    {
        if (!_due.TryDequeue(out Action? action, out (long Ticks, long Order) due))
        {
            return false;
        }

        Now = TimeSpan.FromTicks(due.Ticks);
        Events++;
        action();
        RunPosted();
        return true;
    }

    /// <summary>Goes on until a time.</summary>
    public void RunUntil(TimeSpan time)
    {
        RunPosted();
        while (_due.TryPeek(out _, out (long Ticks, long Order) next) && next.Ticks <= time.Ticks)
        {
            Step();
        }

        Now = time > Now ? time : Now;
    }

    public void RunPosted()
    {
        while (_posted.TryDequeue(out (SendOrPostCallback Callback, object? State) posted))
        {
            posted.Callback(posted.State);
        }
    }

    public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

    public override void Send(SendOrPostCallback d, object? state) => d(state);
}
