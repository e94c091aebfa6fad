using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Quorate.Protocol;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Rpc;

/// <summary>
/// Finds the method of a gRPC call by its path, counts the call, and answers what has no method. A table of exact paths takes the
/// place of routing, which would cost more than the rest of the way to the method.
/// </summary>
internal sealed class GrpcDispatcher
{
    private readonly FrozenDictionary<string, Entry> _methods;
    private readonly FrozenSet<string> _services;
    private readonly ServiceContext _context;
    private readonly GrpcMetrics _metrics;
    private readonly IServiceProvider _root;

    public GrpcDispatcher(IServiceProvider root, GrpcServices services, GrpcMethods methods, ServiceContext context,
        MemberMetrics metrics)
    {
        _root = root;
        _context = context;
        _metrics = metrics.Grpc;
        var collected = new EndpointCollector(root);
        collected.MapGrpcService<GrpcServices>();
        var entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        foreach (RouteEndpoint endpoint in collected.DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>())
        {
            string path = "/" + endpoint.RoutePattern.RawText!.TrimStart('/');
            if (methods.Metrics.TryGetValue(path, out MethodMetrics? series))
            {
                entries[path] = new Entry(endpoint.RequestDelegate!, series, Direct(path, services.Keys, series, metrics));
            }
        }

        _methods = entries.ToFrozenDictionary(StringComparer.Ordinal);
        _services = entries.Keys.Select(path => path.Split('/')[1]).ToFrozenSet(StringComparer.Ordinal);
    }

    public static bool IsGrpc(HttpContext context) =>
        context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true;

    public Task HandleAsync(HttpContext context)
    {
        if (!IsGrpc(context))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return RefuseAsync(context, StatusCode.InvalidArgument,
                $"invalid gRPC request content-type \"{context.Request.ContentType}\"");
        }

        string path = context.Request.Path.Value ?? "";
        if (!_methods.TryGetValue(path, out Entry? entry))
        {
            return RefuseAsync(context, StatusCode.Unimplemented, UnknownText(path));
        }

        entry.Metrics.Started.Add();
        _metrics.CountRequest(context.Request.Headers.TryGetValue("client-api-version", out var version) ? version[0] : null,
            entry.Metrics.IsUnary);

        if (entry.Direct is not null && !IsCompressed(context))
        {
            return entry.Direct(context);
        }

        // Without this, a scope of services would be made for each call, and nothing in it used.
        context.RequestServices = _root;
        return CallAsync(context, entry);
    }

    /// <summary>The methods that are called most answer by themselves.</summary>
    private RequestDelegate? Direct(string path, KvService keys, MethodMetrics series, MemberMetrics metrics) => path switch
    {
        "/etcdserverpb.KV/Range" => new DirectRangeMethod(path, keys, series, metrics, _context).HandleAsync,
        "/etcdserverpb.KV/Put" => new DirectMessageMethod<PutRequest,
            PutResponse>(path, PutRequest.Parser, keys.Put, series, metrics, _context).HandleAsync,
        "/etcdserverpb.KV/DeleteRange" => new DirectMessageMethod<DeleteRangeRequest, DeleteRangeResponse>(
            path, DeleteRangeRequest.Parser, keys.DeleteRange, series, metrics, _context).HandleAsync,
        "/etcdserverpb.KV/Txn" => new DirectMessageMethod<TxnRequest,
            TxnResponse>(path, TxnRequest.Parser, keys.Txn, series, metrics, _context).HandleAsync,
        _ => null,
    };

    private static bool IsCompressed(HttpContext context) =>
        context.Request.Headers.TryGetValue("grpc-encoding", out Microsoft.Extensions.Primitives.StringValues encoding)
            && encoding != "identity";

    private async Task CallAsync(HttpContext context, Entry entry)
    {
        long start = Stopwatch.GetTimestamp();
        StatusCode code = StatusCode.Cancelled;
        try
        {
            if (entry.Metrics.IsUnary && await PeekLengthAsync(context).ConfigureAwait(false) is var length
                && length > _context.MaxReceiveBytes)
            {
                code = StatusCode.ResourceExhausted;
                await RefuseAsync(context, code, TooLarge(length, _context.MaxReceiveBytes)).ConfigureAwait(false);
                return;
            }

            await entry.Call(context).ConfigureAwait(false);
            IHeaderDictionary headers = context.Response.Headers;
            if (headers.ContainsKey("grpc-status"))
            {
                code = CodeOf(headers);
            }
            else if (context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers is { } trailers
                && trailers.ContainsKey("grpc-status"))
            {
                code = CodeOf(trailers);
            }
        }
        finally
        {
            entry.Metrics.End(code, start);
        }
    }

    private static StatusCode CodeOf(IHeaderDictionary headers) =>
        int.TryParse(headers["grpc-status"], CultureInfo.InvariantCulture, out int code) ? (StatusCode)code : StatusCode.Unknown;

    /// <summary>
    /// The length of the message that comes, which stands before it; it is looked at, not taken. A message that is too large is
    /// told with its size, which gRPC's server does not.
    /// </summary>
    private static async ValueTask<uint> PeekLengthAsync(HttpContext context)
    {
        const int PrefixLength = 5;
        System.IO.Pipelines.PipeReader body = context.Request.BodyReader;
        while (true)
        {
            System.IO.Pipelines.ReadResult read = await body.ReadAsync(context.RequestAborted).ConfigureAwait(false);
            if (read.Buffer.Length >= PrefixLength)
            {
                uint length = Length(read.Buffer.Slice(0, PrefixLength));
                body.AdvanceTo(read.Buffer.Start);
                return length;
            }

            if (read.IsCompleted)
            {
                body.AdvanceTo(read.Buffer.Start);
                return 0;
            }

            body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }

        static uint Length(in System.Buffers.ReadOnlySequence<byte> bytes)
        {
            Span<byte> prefix = stackalloc byte[PrefixLength];
            System.Buffers.BuffersExtensions.CopyTo(bytes, prefix);
            return System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        }
    }

    public static string TooLarge(long size, int limit) =>
        string.Create(CultureInfo.InvariantCulture, $"grpc: received message larger than max ({size} vs. {limit})");

    private string UnknownText(string path)
    {
        int end = path.LastIndexOf('/');
        if (end <= 0)
        {
            return $"malformed method name: \"{path}\"";
        }

        string service = path[1..end];
        return _services.Contains(service) ? $"unknown method {path[(end + 1)..]} for service {service}"
            : $"unknown service {service}";
    }

    /// <summary>Tells an error: in the head of the answer if it has not gone yet, else behind what has.</summary>
    public static void Refuse(HttpContext context, Status status)
    {
        IHeaderDictionary? headers = context.Response.HasStarted
            ? context.Features.Get<IHttpResponseTrailersFeature>()?.Trailers
            : context.Response.Headers;
        if (headers is not null)
        {
            headers["grpc-status"] = ((int)status.StatusCode).ToString(CultureInfo.InvariantCulture);
            headers["grpc-message"] = PercentEncode(status.Detail);
        }
    }

    private static Task RefuseAsync(HttpContext context, StatusCode code, string message)
    {
        context.Response.ContentType = "application/grpc";
        Refuse(context, new Status(code, message));
        return Task.CompletedTask;
    }

    /// <summary>As the HTTP/2 form of gRPC has it: all but printable ASCII, and the percent sign.</summary>
    private static string PercentEncode(string message)
    {
        var text = new StringBuilder(message.Length);
        foreach (byte one in Encoding.UTF8.GetBytes(message))
        {
            if (one is >= (byte)' ' and <= (byte)'~' and not (byte)'%')
            {
                text.Append((char)one);
            }
            else
            {
                text.Append(CultureInfo.InvariantCulture, $"%{one:X2}");
            }
        }

        return text.ToString();
    }

    private sealed record Entry(RequestDelegate Call, MethodMetrics Metrics, RequestDelegate? Direct);

    /// <summary>Takes the endpoints that gRPC's server makes.</summary>
    private sealed class EndpointCollector(IServiceProvider services) : IEndpointRouteBuilder
    {
        public IServiceProvider ServiceProvider => services;

        public ICollection<EndpointDataSource> DataSources { get; } = [];

        public IApplicationBuilder CreateApplicationBuilder() => new ApplicationBuilder(services);
    }
}
