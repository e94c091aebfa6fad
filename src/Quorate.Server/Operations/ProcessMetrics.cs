using System.Diagnostics;
using System.Globalization;
using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>What the operating system says of the process (spec 06 §15.8).</summary>
internal static class ProcessMetrics
{
    private const double Unlimited = -1;

    public static void Register(MetricRegistry registry)
    {
        registry.Counter("process_cpu_seconds_total", "Seconds of processor time.",
            Read(process => process.TotalProcessorTime.TotalSeconds));
        registry.Gauge("process_resident_memory_bytes", "Bytes of memory in use.", Read(process => process.WorkingSet64));
        registry.Gauge("process_virtual_memory_bytes", "Bytes of address space in use.",
            Read(process => process.VirtualMemorySize64));
        registry.Gauge("process_virtual_memory_max_bytes", "Bytes of address space that there may be, -1 for no limit.", () =>
            Limit("Max address space"));
        registry.Gauge("process_start_time_seconds", "When the process started, in Unix seconds.",
            Read(process => new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0));
        registry.Gauge("process_open_fds", "Open files.", OpenFiles);
        registry.Gauge("process_max_fds", "Files that may be open.", FileLimit);
        registry.Gauge("os_fd_used", "Open files.", OpenFiles);
        registry.Gauge("os_fd_limit", "Files that may be open.", FileLimit);
    }

    /// <summary>Files that may be open at a time; -1 if there is no limit.</summary>
    public static double FileLimit() => Limit("Max open files");

    private static double OpenFiles()
    {
        try
        {
            return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
        }
        catch (DirectoryNotFoundException)
        {
            return 0;
        }
    }

    private static Func<double> Read(Func<Process, double> what) => () =>
    {
        using Process process = Process.GetCurrentProcess();
        return what(process);
    };

    /// <summary>A soft limit of the process, by its name in /proc/self/limits.</summary>
    private static double Limit(string name)
    {
        if (!File.Exists("/proc/self/limits"))
        {
            return Unlimited;
        }

        string? line = File.ReadLines("/proc/self/limits")
            .FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return double.TryParse(line?[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0],
            CultureInfo.InvariantCulture, out double limit)
            ? limit
            : Unlimited;
    }
}
