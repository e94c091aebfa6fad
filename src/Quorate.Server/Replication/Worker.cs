namespace Quorate.Server.Replication;

/// <summary>
/// One loop of a member: the member loop, the writer of the log, the applier, the committer of the database. It runs on a thread of its own,
/// which sleeps until it is woken or its next work falls due; or, for simulation, step by step on a thread of somebody else.
/// </summary>
internal abstract class Worker(string name)
{
    private readonly object _gate = new();
    private Thread? _thread;
    private int _signal;
    private bool _isSleeping;
    private bool _stops;

    /// <summary>Told of the exception that ended the loop.</summary>
    public Action<Worker, Exception>? Failed { get; set; }

    public string Name => name;

    /// <summary>The time until there is work by itself; infinite for never.</summary>
    protected virtual TimeSpan DueIn => Timeout.InfiniteTimeSpan;

    public bool IsDue => Volatile.Read(ref _signal) != 0 || DueIn is { } due && due != Timeout.InfiniteTimeSpan && due <= TimeSpan.Zero;

    /// <summary>The time until the next work by itself, for whoever steps this.</summary>
    public TimeSpan TimeUntilDue => DueIn;

    public void StartThread()
    {
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>There is work. Cheap when the loop is awake.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _signal, 1) == 0)
        {
            lock (_gate)
            {
                if (_isSleeping)
                {
                    Monitor.Pulse(_gate);
                }
            }
        }
    }

    /// <summary>Does the work that there is now, if there is any; for a loop without a thread.</summary>
    public bool StepIfDue()
    {
        if (_stops || !IsDue)
        {
            return false;
        }

        Volatile.Write(ref _signal, 0);
        try
        {
            Work();
        }
        catch (Exception error)
        {
            _stops = true;
            Failed?.Invoke(this, error);
        }

        return true;
    }

    /// <summary>Ends the loop after the step that it is in, and waits for that; called on the loop itself, it does not wait.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stops = true;
            Monitor.PulseAll(_gate);
        }

        if (_thread is { } thread && thread != Thread.CurrentThread)
        {
            thread.Join();
        }
    }

    /// <summary>Does all work that is there.</summary>
    protected abstract void Work();

    private void Run()
    {
        try
        {
            while (!Volatile.Read(ref _stops))
            {
                Volatile.Write(ref _signal, 0);
                Interlocked.MemoryBarrier();
                Work();
                Sleep();
            }
        }
        catch (Exception error)
        {
            Failed?.Invoke(this, error);
        }
    }

    private void Sleep()
    {
        if (Volatile.Read(ref _signal) != 0)
        {
            return;
        }

        TimeSpan due = DueIn;
        if (due != Timeout.InfiniteTimeSpan && due <= TimeSpan.Zero)
        {
            return;
        }

        lock (_gate)
        {
            if (Volatile.Read(ref _signal) == 0 && !_stops)
            {
                _isSleeping = true;

                // A millisecond more than asked: a timer that fires early would be a step for nothing.
                Monitor.Wait(_gate, due == Timeout.InfiniteTimeSpan ? due : TimeSpan.FromMilliseconds((long)due.TotalMilliseconds + 1));
                _isSleeping = false;
            }
        }
    }
}
