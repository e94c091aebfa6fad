namespace Quorate.Bench;

/// <summary>What one row of one server measured.</summary>
/// <param name="Rate">Calls a second.</param>
/// <param name="Median">Latency in milliseconds.</param>
/// <param name="Percentile99">Latency in milliseconds.</param>
/// <param name="CpuMicroseconds">CPU time of all members a call.</param>
/// <param name="ResidentMiB">Memory of the first member at the row's end; the faster server has done more work by then.</param>
/// <param name="Errors">Calls without a reply message.</param>
public sealed record Measurement(double Rate, double Median, double Percentile99, double CpuMicroseconds, double ResidentMiB, int Errors);
