using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Quorate.Server.Api.Gateway;

/// <summary>A call that came as JSON, as the services see it.</summary>
internal sealed class GatewayCall : ServerCallContext
{
    private const string Prefix = "Grpc-Metadata-";

    private readonly HttpContext _http;
    private readonly IMethod _method;
    private readonly DateTime _deadline;
    private readonly CancellationToken _cancellation;
    private Metadata? _headers;
    private Dictionary<object, object>? _state;

    public GatewayCall(HttpContext http, IMethod method, DateTime deadline, CancellationToken cancellation)
    {
        _http = http;
        _method = method;
        _deadline = deadline;
        _cancellation = cancellation;
    }

    protected override string MethodCore => _method.FullName;

    protected override string HostCore => _http.Request.Host.Value ?? "";

    protected override string PeerCore => $"{_http.Connection.RemoteIpAddress}:{_http.Connection.RemotePort}";

    protected override DateTime DeadlineCore => _deadline;

    protected override CancellationToken CancellationTokenCore => _cancellation;

    protected override Metadata ResponseTrailersCore { get; } = [];

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
                    if (name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
                    {
                        _headers.Add(name[Prefix.Length..].ToLowerInvariant(), values.ToString());
                    }
                }

                if (_http.Request.Headers.Authorization is { Count: > 0 } authorization)
                {
                    _headers.Add("authorization", authorization.ToString());
                }
            }

            return _headers;
        }
    }

    /// <summary>What a header carries on as metadata; null if it is not there.</summary>
    public string? MetadataOf(string name) =>
        _http.Request.Headers.TryGetValue(Prefix + name, out Microsoft.Extensions.Primitives.StringValues values)
        || (name == "authorization" && _http.Request.Headers.TryGetValue(name, out values))
        ? values[0]
        : null;

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotSupportedException();
}
