using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Quorate.Bench;

/// <summary>A cluster of one program on loopback addresses, and what its processes cost (from /proc).</summary>
public sealed class ServerUnderTest : IDisposable
{
    private static int s_count;

    private readonly List<Process> _processes = [];
    private readonly string _directory = Directory.CreateTempSubdirectory("quorate-bench-").FullName;

    public ServerUnderTest(string program, int members)
    {
        string prefix = $"127.{10 + (Environment.ProcessId % 90)}.{Interlocked.Increment(ref s_count)}";
        Addresses = [.. Enumerable.Range(1, members).Select(number => $"{prefix}.{number}")];
        string cluster = string.Join(',', Addresses.Select((address, index) => $"m{index}=http://{address}:2380"));
        for (int index = 0; index < members; index++)
        {
            string address = Addresses[index];
            var start = new ProcessStartInfo(program,
            [
                "--name", $"m{index}", "--data-dir", Path.Combine(_directory, $"m{index}"),
                "--listen-client-urls", $"http://{address}:2379", "--advertise-client-urls", $"http://{address}:2379",
                "--listen-peer-urls", $"http://{address}:2380", "--initial-advertise-peer-urls", $"http://{address}:2380",
                "--initial-cluster", cluster, "--initial-cluster-state", "new", "--log-level", "error",
            ])
            { RedirectStandardError = true, RedirectStandardOutput = true };
            Process process = Process.Start(start)!;
            process.ErrorDataReceived += (_, _) => { };
            process.OutputDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            process.BeginOutputReadLine();
            _processes.Add(process);
        }
    }

    public IReadOnlyList<string> Addresses { get; }

    /// <summary>Waits until each member takes connections.</summary>
    public void AwaitListening()
    {
        var watch = Stopwatch.StartNew();
        foreach (string address in Addresses)
        {
            while (true)
            {
                try
                {
                    using var client = new TcpClient(address, 2379);
                    break;
                }
                catch (SocketException) when (watch.Elapsed < TimeSpan.FromSeconds(30))
                {
                    Thread.Sleep(10);
                }
            }
        }
    }

    /// <summary>User and system time of all members so far.</summary>
    public TimeSpan CpuTime()
    {
        foreach (Process process in _processes)
        {
            process.Refresh();
        }

        return TimeSpan.FromTicks(_processes.Sum(process => process.TotalProcessorTime.Ticks));
    }

    /// <summary>Resident memory of the first member, in MiB.</summary>
    public double ResidentMiB() =>
        File.ReadLines($"/proc/{_processes[0].Id}/status").Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Select(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024)
            .First();

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }
}
