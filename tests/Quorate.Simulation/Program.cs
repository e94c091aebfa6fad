using System.Diagnostics;
using System.Globalization;
using Quorate.Simulation.Cluster;

// Usage: [--seeds N] [--first-seed S] | --seed S [--trace] [--twice] [--bug NAME]
int seeds = 20, first = 1;
bool trace = false, twice = false;
var bug = PlantedBug.None;
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--seeds":
            seeds = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--first-seed":
            first = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--seed":
            first = int.Parse(args[++i], CultureInfo.InvariantCulture);
            seeds = 1;
            break;
        case "--trace":
            trace = true;
            break;
        case "--bug":
            bug = Enum.Parse<PlantedBug>(args[++i], ignoreCase: true);
            break;
        case "--twice":
            twice = true;
            break;
        default:
            Console.Error.WriteLine($"unknown argument {args[i]}; known: --seeds N, --first-seed S, --seed S, --trace, --twice, "
                + "--bug " + string.Join('|', Enum.GetNames<PlantedBug>()));
            return 2;
    }
}

var watch = Stopwatch.StartNew();
var faults = new SortedDictionary<FaultKind, long>();
long events = 0, answered = 0, unanswered = 0, revisions = 0, elections = 0, failed = 0;
double virtualSeconds = 0;
Console.WriteLine($"first seed {first}, {seeds} seeds");
for (int seed = first; seed < first + seeds; seed++)
{
    var run = new SimulatedRun(seed, trace ? Console.Out : null, bug);
    try
    {
        run.Run();
        if (twice)
        {
            var again = new SimulatedRun(seed, null, bug);
            again.Run();
            if (again.Cluster.Trace.Hash != run.Cluster.Trace.Hash)
            {
                throw new SimulationFailure("the same seed went another way the second time");
            }
        }
    }
    catch (Exception failure)
    {
        failed++;
        Console.WriteLine($"seed {seed} FAILED: {failure}");
        if (!trace)
        {
            foreach (string line in run.Cluster.Trace.Last)
            {
                Console.WriteLine("  " + line);
            }
        }

        Console.WriteLine($"again with: --seed {seed} --trace");
    }

    foreach ((FaultKind kind, long count) in run.Faults)
    {
        faults[kind] = faults.GetValueOrDefault(kind) + count;
    }

    events += run.Cluster.Scheduler.Events;
    answered += run.Cluster.Answered;
    unanswered += run.Cluster.Unanswered;
    revisions += run.Cluster.Truth.Count;
    elections += run.Cluster.Elections;
    virtualSeconds += run.Cluster.Scheduler.Now.TotalSeconds;
    if (failed >= 3)
    {
        break;
    }
}

double seconds = watch.Elapsed.TotalSeconds;
Console.WriteLine($"{events} events, {virtualSeconds:f0} s of virtual time in {seconds:f1} s; {answered} calls answered, {unanswered} not; "
    + $"{revisions} revisions, {elections} leaders");
Console.WriteLine("faults: " + string.Join(", ", faults.Select(pair => $"{pair.Key} {pair.Value}")));
Console.WriteLine(failed == 0 ? "all invariants hold" : $"{failed} seeds failed");
return failed == 0 ? 0 : 1;
