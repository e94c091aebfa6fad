namespace Quorate.Simulation.Time;

/// <summary>The clock of one machine: virtual time at a rate of its own, from an epoch of its own.</summary>
public sealed class VirtualClock(Scheduler scheduler, double rate, TimeSpan offset) : TimeProvider
{
    private static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers of a machine that is down do not fire.</summary>
    public bool IsStopped { get; set; }

    private TimeSpan Local => (scheduler.Now * rate) + offset;

    public override DateTimeOffset GetUtcNow() => Epoch + Local;

    public override long GetTimestamp() => Local.Ticks;

    /// <summary>How long a local time takes in virtual time.</summary>
    public TimeSpan ToVirtual(TimeSpan local) => local / rate;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new VirtualTimer(this, scheduler, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class VirtualTimer(VirtualClock clock, Scheduler scheduler, TimerCallback callback, object? state) : ITimer
    {
        private int _version;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            int version = ++_version;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                Arm(version, dueTime, period);
            }

            return true;
        }

        public void Dispose() => _version++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Arm(int version, TimeSpan due, TimeSpan period) => scheduler.After(clock.ToVirtual(due), () =>
        {
            if (version == _version && !clock.IsStopped)
            {
                if (period > TimeSpan.Zero)
                {
                    Arm(version, period, period);
                }

                callback(state);
            }
        });
    }
}
