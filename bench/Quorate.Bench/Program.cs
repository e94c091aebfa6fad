using System.Globalization;
using Quorate.Bench;

// usage: Quorate.Bench GO_ETCD OUR_ETCD [MEMBERS [SECONDS [ROWS]]]
// Starts each program in turn with the same load on the same machine, and prints each row with its ratios.
if (args.Length < 2)
{
    Console.Error.WriteLine("usage: Quorate.Bench GO_ETCD OUR_ETCD [MEMBERS [SECONDS [put,range,serializable,txn,list1000]]]");
    return 2;
}

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
int members = args.Length > 2 ? int.Parse(args[2]) : 1;
var duration = TimeSpan.FromSeconds(args.Length > 3 ? double.Parse(args[3]) : 5);
string[] rows = (args.Length > 4 ? args[4] : "put,range,serializable,txn,list1000").Split(',');
const int Connections = 16;
const int Streams = 16;

var results = new Dictionary<string, List<Measurement>>();
foreach (string program in args[..2])
{
    using var server = new ServerUnderTest(program, members);
    server.AwaitListening();
    // A leader may not be elected yet: what this warm-up loses is not counted. It also writes the keys that the reads find.
    Load.Run(server, "put", Connections, Streams, TimeSpan.FromSeconds(3));
    foreach (string row in rows)
    {
        int streams = row.StartsWith("list", StringComparison.Ordinal) ? 1 : Streams;
        Measurement measured = Load.Run(server, row, Connections, streams, duration);
        if (!results.TryGetValue(row, out List<Measurement>? list))
        {
            results[row] = list = [];
        }

        list.Add(measured);
    }
}

Console.WriteLine($"{members} member(s), {Connections} connections x {Streams} streams, {duration.TotalSeconds} s a row");
Console.WriteLine("row           server   calls/s   p50 ms   p99 ms   CPU us/call   RSS MiB   errors");
foreach (string row in rows)
{
    Measurement theirs = results[row][0], ours = results[row][1];
    Print(row, "go", theirs);
    Print(row, "ours", ours);
    Console.WriteLine($"{row,-13} ratio  {ours.Rate / theirs.Rate,8:F2}x {ours.Median / theirs.Median,7:F2}x {ours.Percentile99 / theirs.Percentile99,7:F2}x "
        + $"{ours.CpuMicroseconds / theirs.CpuMicroseconds,12:F2}x {ours.ResidentMiB / theirs.ResidentMiB,8:F2}x");
}

return 0;

static void Print(string row, string server, Measurement measured) => Console.WriteLine(
    $"{row,-13} {server,-6} {measured.Rate,9:F0} {measured.Median,8:F2} {measured.Percentile99,8:F2} {measured.CpuMicroseconds,13:F1} {measured.ResidentMiB,9:F0} {measured.Errors,8}");
