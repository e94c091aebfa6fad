using Grpc.Core;
using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>The series of one method.</summary>
public sealed class MethodMetrics(bool isUnary, Counter started, Counter[] handled, Counter received, Counter sent,
    Histogram? times)
{
    internal const int CodeCount = 17;

    public bool IsUnary => isUnary;

    public Counter Started => started;

    /// <summary>Messages from the client.</summary>
    public Counter Received => received;

    public Counter Sent => sent;

    public void End(StatusCode code, long startTimestamp)
    {
        handled[(int)code is >= 0 and < CodeCount and var known ? known : (int)StatusCode.Unknown].Add();
        times?.ObserveSince(startTimestamp);
    }
}
