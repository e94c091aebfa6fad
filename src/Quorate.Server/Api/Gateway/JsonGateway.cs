using System.Buffers;
using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Quorate.Server.Api.Rpc;
using Quorate.Server.Operations;

namespace Quorate.Server.Api.Gateway;

/// <summary>
/// The services over HTTP/1.1 with JSON (spec 01 §5). It calls them in the process; its calls count as gRPC's do.
/// </summary>
internal sealed class JsonGateway
{
    private readonly FrozenDictionary<string, GatewayMethod> _methods;
    private readonly ServiceContext _context;
    private readonly MemberMetrics _metrics;

    public JsonGateway(GrpcServices services, ServiceContext context, MemberMetrics metrics)
    {
        _context = context;
        _metrics = metrics;
        var binder = new Binder(metrics, context.Member.Options.CompatVersion);
        services.Bind(binder);
        _methods = binder.Methods.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private bool IsOldForm => _context.Member.Options.CompatVersion < new Version(3, 6);

    /// <summary>Whether a path is the gateway's, and if so, its answer.</summary>
    public async Task<bool> TryHandleAsync(HttpContext http, string path)
    {
        if (path == "/v3")
        {
            http.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
            http.Response.Headers.Location = "/v3/";
            return true;
        }

        if (!path.StartsWith("/v3/", StringComparison.Ordinal))
        {
            return false;
        }

        if (!_methods.TryGetValue(path, out GatewayMethod? method))
        {
            await PlainAsync(http, StatusCodes.Status404NotFound, StatusCode.NotFound, "Not Found");
        }
        else if (http.Request.Method != "POST")
        {
            await PlainAsync(http, IsOldForm ? StatusCodes.Status405MethodNotAllowed : StatusCodes.Status501NotImplemented,
                StatusCode.Unimplemented,
                "Method Not Allowed");
        }
        else
        {
            await CallAsync(http, method);
        }

        return true;
    }

    private async Task CallAsync(HttpContext http, GatewayMethod method)
    {
        method.Metrics.Started.Add();
        _metrics.Grpc.CountRequest(null, method.Metrics.IsUnary);
        long start = Stopwatch.GetTimestamp();
        StatusCode code = StatusCode.OK;
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        try
        {
            DateTime deadline = DateTime.MaxValue;
            if (http.Request.Headers.TryGetValue("Grpc-Timeout", out Microsoft.Extensions.Primitives.StringValues text)
                && Timeout(text[0] ?? "") is { } timeout)
            {
                deadline = DateTime.UtcNow + timeout;
                ended.CancelAfter(timeout);
            }

            var call = new GatewayCall(http, method.Method, deadline, ended.Token);
            await method.CallAsync(http, call, new GatewayLimits(_context.MaxReceiveBytes));
            code = call.Status.StatusCode;
        }
        catch (RpcException error)
        {
            code = error.StatusCode;
            await FailAsync(http, method.Metrics.IsUnary, error.Status);
        }
        catch (OperationCanceledException)
        {
            code = StatusCode.Cancelled;
        }
        finally
        {
            method.Metrics.End(code, start);
        }
    }

    private async Task FailAsync(HttpContext http, bool isUnary, Status status)
    {
        if (http.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        if (!http.Response.HasStarted)
        {
            http.Response.StatusCode = HttpStatus(status.StatusCode);
            http.Response.ContentType = "application/json";
        }

        var body = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            if (isUnary)
            {
                if (IsOldForm)
                {
                    writer.WriteString("error", status.Detail);
                }

                writer.WriteNumber("code", (int)status.StatusCode);
                writer.WriteString("message", status.Detail);
            }
            else
            {
                writer.WriteStartObject("error");
                if (IsOldForm)
                {
                    writer.WriteNumber("grpc_code", (int)status.StatusCode);
                    writer.WriteNumber("http_code", HttpStatus(status.StatusCode));
                    writer.WriteString("message", status.Detail);
                    writer.WriteString("http_status",
                        Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(HttpStatus(status.StatusCode)));
                }
                else
                {
                    writer.WriteNumber("code", (int)status.StatusCode);
                    writer.WriteString("message", status.Detail);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        if (!isUnary && !IsOldForm)
        {
            body.Write("\n"u8);
        }

        await http.Response.BodyWriter.WriteAsync(body.WrittenMemory, http.RequestAborted);
    }

    /// <summary>A path or verb that there is not.</summary>
    private Task PlainAsync(HttpContext http, int httpStatus, StatusCode code, string message)
    {
        http.Response.StatusCode = httpStatus;
        http.Response.ContentType = IsOldForm ? "text/plain; charset=utf-8" : "application/json";
        return http.Response.WriteAsync(
            IsOldForm ? message
                : string.Create(CultureInfo.InvariantCulture,
                    $"{{\"code\":{(int)code}, \"message\":\"{message}\"}}"), http.RequestAborted);
    }

    /// <summary>The time of a Grpc-Timeout header; null for none.</summary>
    private static TimeSpan? Timeout(string text)
    {
        const long NanosecondsPerTick = 100;
        if (text.Length < 2
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            throw Malformed();
        }

        double ticks = text[^1] switch
        {
            'H' => count * (double)TimeSpan.TicksPerHour,
            'M' => count * (double)TimeSpan.TicksPerMinute,
            'S' => count * (double)TimeSpan.TicksPerSecond,
            'm' => count * (double)TimeSpan.TicksPerMillisecond,
            'u' => count * (double)TimeSpan.TicksPerMicrosecond,
            'n' => Math.Ceiling((double)count / NanosecondsPerTick),
            _ => throw Malformed(),
        };
        return ticks is 0 or >= int.MaxValue * (double)TimeSpan.TicksPerMillisecond ? null : TimeSpan.FromTicks((long)ticks);

        RpcException Malformed() => new(new Status(StatusCode.InvalidArgument, $"invalid grpc-timeout: {text}"));
    }

    private int HttpStatus(StatusCode code) => code switch
    {
        StatusCode.OK => StatusCodes.Status200OK,
        StatusCode.Cancelled => IsOldForm ? StatusCodes.Status408RequestTimeout : StatusCodes.Status499ClientClosedRequest,
        StatusCode.InvalidArgument or StatusCode.OutOfRange => StatusCodes.Status400BadRequest,
        StatusCode.FailedPrecondition => _context.Member.Options.CompatVersion < new Version(3, 5)
            ? StatusCodes.Status412PreconditionFailed
            : StatusCodes.Status400BadRequest,
        StatusCode.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.AlreadyExists or StatusCode.Aborted => StatusCodes.Status409Conflict,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unimplemented => StatusCodes.Status501NotImplemented,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        _ => StatusCodes.Status500InternalServerError,
    };

    private sealed class Binder(MemberMetrics metrics, Version version) : ServiceBinderBase
    {
        public Dictionary<string, GatewayMethod> Methods { get; } = [];

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            Add(method, series => new UnaryGatewayMethod<TRequest, TResponse>(method, handler!, series, metrics));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            Add(method, series => new StreamingGatewayMethod<TRequest, TResponse>(method, handler!, series, metrics));

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
            Add(method, series => new StreamingGatewayMethod<TRequest, TResponse>(method, handler!, series, metrics));

        private void Add(IMethod method, Func<MethodMetrics, GatewayMethod> create)
        {
            if (!GrpcMethods.IsKnown(method, version) || !GatewayRoutes.Paths.TryGetValue(method.FullName, out string[]? paths))
            {
                return;
            }

            GatewayMethod made = create(metrics.Grpc.Method(method.ServiceName, method.Name, method.Type));
            foreach (string path in paths)
            {
                Methods[path] = made;
            }
        }
    }
}
