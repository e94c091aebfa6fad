using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Quorate.Server.Api.Rpc;

/// <summary>
/// A call that is answered without gRPC's server, as the services see it. It is cheap: what nobody asks for is not made.
/// </summary>
internal sealed class DirectCall : ServerCallContext, IDisposable
{
    private readonly HttpContext _http;
    private readonly string _path;
    private readonly CancellationTokenSource? _ended;
    private readonly DateTime _deadline = DateTime.MaxValue;
    private Dictionary<object, object>? _state;
    private Metadata? _headers;

    public DirectCall(HttpContext http, string path)
    {
        _http = http;
        _path = path;
        if (http.Request.Headers.TryGetValue("grpc-timeout", out Microsoft.Extensions.Primitives.StringValues text)
            && Timeout(text[0]) is { } timeout)
        {
            _deadline = DateTime.UtcNow + timeout;
            _ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
            _ended.CancelAfter(timeout);
        }
    }

    public HttpContext Http => _http;

    protected override string MethodCore => _path;

    protected override string HostCore => _http.Request.Host.Value ?? "";

    protected override string PeerCore => $"{_http.Connection.RemoteIpAddress}:{_http.Connection.RemotePort}";

    protected override DateTime DeadlineCore => _deadline;

    protected override CancellationToken CancellationTokenCore => _ended?.Token ?? _http.RequestAborted;

    protected override Metadata ResponseTrailersCore => [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => new(null, []);

    /// <summary>With the HTTP context where <c>GetHttpContext()</c> looks for it.</summary>
    protected override IDictionary<object, object> UserStateCore =>
        _state ??= new Dictionary<object, object> { ["__HttpContext"] = _http };

    protected override Metadata RequestHeadersCore
    {
        get
        {
            if (_headers is null)
            {
                _headers = [];
                foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in _http.Request.Headers)
                {
                    if (name[0] != ':' && !name.EndsWith("-bin", StringComparison.OrdinalIgnoreCase))
                    {
                        _headers.Add(name.ToLowerInvariant(), values.ToString());
                    }
                }
            }

            return _headers;
        }
    }

    public void Dispose() => _ended?.Dispose();

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException();

    /// <summary>Null for none, or for one that is too far away to matter.</summary>
    private static TimeSpan? Timeout(string? text)
    {
        const long NanosecondsPerTick = 100;
        if (text is not { Length: >= 2 }
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            return null;
        }

        double ticks = text[^1] switch
        {
            'H' => count * (double)TimeSpan.TicksPerHour,
            'M' => count * (double)TimeSpan.TicksPerMinute,
            'S' => count * (double)TimeSpan.TicksPerSecond,
            'm' => count * (double)TimeSpan.TicksPerMillisecond,
            'u' => count * (double)TimeSpan.TicksPerMicrosecond,
            'n' => Math.Ceiling((double)count / NanosecondsPerTick),
            _ => double.MaxValue,
        };
        return ticks >= int.MaxValue * (double)TimeSpan.TicksPerMillisecond ? null : TimeSpan.FromTicks((long)ticks);
    }
}
