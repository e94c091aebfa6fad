using Quorate.Simulation.Time;

namespace Quorate.Simulation.Cluster;

/// <summary>One line for each event, and a hash over all of them by which two runs of a seed are compared.</summary>
public sealed class Trace(Scheduler scheduler, TextWriter? output)
{
    private const int Kept = 400;
    private readonly Queue<string> _last = new();

    public bool IsWritten => output is not null;

    public ulong Hash { get; private set; } = 14695981039346656037;

    /// <summary>The newest lines.</summary>
    public IReadOnlyCollection<string> Last => _last;

    public void Write(int machine, string line)
    {
        // A column for each machine, as on a strip chart.
        string text = $"{scheduler.Now.TotalSeconds,9:f4} {(machine < 0 ? "" : new string(' ', 2 * machine) + machine),-16} {line}";
        foreach (char letter in text)
        {
            Hash = (Hash ^ letter) * 1099511628211;
        }

        output?.WriteLine(text);
        _last.Enqueue(text);
        if (_last.Count > Kept)
        {
            _last.Dequeue();
        }
    }
}
