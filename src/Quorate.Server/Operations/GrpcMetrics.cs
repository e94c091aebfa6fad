using System.Collections.Concurrent;
using Grpc.Core;
using Quorate.Server.Operations.Metrics;

namespace Quorate.Server.Operations;

/// <summary>Calls of gRPC, by method and outcome (spec 06 §15.5).</summary>
public sealed class GrpcMetrics
{
    private static readonly double[] s_bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private const int MaxVersions = 100;

    private readonly ConcurrentDictionary<string,
        (Lazy<Counter> Unary, Lazy<Counter> Stream)> _byVersion = new(StringComparer.Ordinal);
    private readonly LabeledFamily<Counter> _started, _handled, _received, _sent, _requests;
    private readonly LabeledFamily<Histogram>? _times;

    internal GrpcMetrics(MetricRegistry registry, bool isExtensive)
    {
        string[] labels = ["grpc_method", "grpc_service", "grpc_type"];
        _started = registry.Counters("grpc_server_started_total", "Calls that began.", labels);
        _handled = registry.Counters("grpc_server_handled_total", "Calls that ended.", ["grpc_code", .. labels]);
        _received = registry.Counters("grpc_server_msg_received_total", "Messages that came from clients.", labels);
        _sent = registry.Counters("grpc_server_msg_sent_total", "Messages sent to clients.", labels);
        _times = isExtensive ? registry.Histograms("grpc_server_handling_seconds", "Time of a call.", s_bounds, labels) : null;
        _requests = registry.Counters("etcd_server_client_requests_total", "Calls, by the version that the client says it has.",
            "client_api_version", "type");
    }

    /// <summary>The series of a method; keep what this returns. All of them are there from then on.</summary>
    public MethodMetrics Method(string service, string method, MethodType type)
    {
        string kind = type switch
        {
            MethodType.Unary => "unary",
            MethodType.ClientStreaming => "client_stream",
            MethodType.ServerStreaming => "server_stream",
            _ => "bidi_stream",
        };
        return new MethodMetrics(
            type == MethodType.Unary,
            _started.With(method, service, kind),
            [.. Enumerable.Range(0, MethodMetrics.CodeCount)
                .Select(code => _handled.With(NameOf((StatusCode)code), method, service, kind))],
            _received.With(method, service, kind),
            _sent.With(method, service, kind),
            _times?.With(method, service, kind));
    }

    /// <param name="clientVersion">What the client says of itself; null if nothing.</param>
    public void CountRequest(string? clientVersion, bool isUnary)
    {
        clientVersion ??= "unknown";
        if (!_byVersion.TryGetValue(clientVersion, out (Lazy<Counter> Unary, Lazy<Counter> Stream) counters))
        {
            // A client may say anything: it must not fill the memory.
            clientVersion = _byVersion.Count < MaxVersions ? clientVersion : "unknown";
            counters = _byVersion.GetOrAdd(clientVersion, version =>
                (new Lazy<Counter>(() => _requests.With(version, "unary")),
                    new Lazy<Counter>(() => _requests.With(version, "stream"))));
        }

        (isUnary ? counters.Unary : counters.Stream).Value.Add();
    }

    private static string NameOf(StatusCode code) => code == StatusCode.Cancelled ? "Canceled" : code.ToString();
}
