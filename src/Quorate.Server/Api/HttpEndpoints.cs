using System.Buffers;
using System.IO.Compression;
using System.Text;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Quorate.Protocol;
using Quorate.Server.Operations;
using Quorate.Server.Peers;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>What is answered over plain HTTP on client and metrics URLs (spec 03 §8).</summary>
public sealed class HttpEndpoints(IMember member, MemberMetrics metrics)
{
    private static readonly string[] s_liveness = ["serializable_read"];
    private static readonly string[] s_readiness = ["data_corruption", "serializable_read", "linearizable_read", "non_learner"];

    /// <summary>Whether the path is one of these, and if so, the answer.</summary>
    /// <param name="isMetricsPort">Only health and metrics are told there.</param>
    public async Task<bool> TryHandleAsync(HttpContext context, bool isMetricsPort)
    {
        string path = context.Request.Path.Value ?? "/";
        switch (path)
        {
            case "/health":
                await HealthAsync(context);
                return true;
            case "/metrics":
                await MetricsAsync(context);
                return true;
            case "/debug/vars" when !isMetricsPort:
                await OnlyGetAsync(context, async () =>
                {
                    context.Response.ContentType = "application/json; charset=utf-8";
                    await context.Response.BodyWriter.WriteAsync(DebugVariables.Json(member), context.RequestAborted);
                });
                return true;
            case "/version" when !isMetricsPort:
                await OnlyGetAsync(context, async () =>
                {
                    context.Response.ContentType = "application/json";
                    await context.Response.Body.WriteAsync(PeerEndpoints.VersionJson(member), context.RequestAborted);
                });
                return true;
        }

        foreach ((string root, string[] checks) in ((string, string[])[])[("/livez", s_liveness), ("/readyz", s_readiness)])
        {
            if (path == root || path.StartsWith(root + "/", StringComparison.Ordinal))
            {
                await ProbeAsync(context, root[1..], path == root ? null : path[(root.Length + 1)..], checks);
                return true;
            }
        }

        return false;
    }

    public static Task NotFoundAsync(HttpContext context) => TextAsync(context, 404, "404 page not found\n");

    private async Task MetricsAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        var text = new ArrayBufferWriter<byte>(1 << 16);
        metrics.Write(text);
        if (context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Headers.ContentEncoding = "gzip";
            await using var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest, leaveOpen: true);
            await gzip.WriteAsync(text.WrittenMemory, context.RequestAborted);
            return;
        }

        await context.Response.BodyWriter.WriteAsync(text.WrittenMemory, context.RequestAborted);
    }

    private Task HealthAsync(HttpContext context) => OnlyGetAsync(context, async () =>
    {
        string reason = await FaultAsync(context);
        metrics.CountHealth(reason.Length == 0);
        if (reason.Length == 0)
        {
            context.Response.ContentType = "text/plain; charset=utf-8";
            bool hasReason = member.Options.CompatVersion >= new Version(3, 5);
            await context.Response.WriteAsync(hasReason ? "{\"health\":\"true\",\"reason\":\"\"}" : "{\"health\":\"true\"}",
                context.RequestAborted);
            return;
        }

        await TextAsync(context, 503, $"{{\"health\":\"false\",\"reason\":\"{reason}\"}}\n");
    });

    private async Task<string> FaultAsync(HttpContext context)
    {
        string?[] excluded = [.. context.Request.Query["exclude"]];
        foreach (AlarmMember alarm in member.Alarms)
        {
            string name = alarm.Alarm switch { AlarmType.Nospace => "NOSPACE", AlarmType.Corrupt => "CORRUPT", _ => "UNKNOWN" };
            if (!excluded.Contains(name))
            {
                return $"ALARM {name}";
            }
        }

        bool isSerializable = context.Request.Query["serializable"] == "true";
        if (!isSerializable && member.LeaderId == 0)
        {
            return "RAFT NO LEADER";
        }

        try
        {
            if (!isSerializable)
            {
                await member.ReadBarrierAsync(context.RequestAborted);
            }

            return "";
        }
        catch (EtcdException error)
        {
            return $"RANGE ERROR:{error.Message}";
        }
    }

    private Task ProbeAsync(HttpContext context, string type, string? single, string[] checks) =>
        OnlyGetAsync(context, async () =>
    {
        if (single is not null && !checks.Contains(single))
        {
            await NotFoundAsync(context);
            return;
        }

        string?[] excluded = single is null ? [.. context.Request.Query["exclude"]] : [];
        if (excluded.Where(name => !checks.Contains(name)).ToArray() is { Length: > 0 } unknown)
        {
            member.Options.Log?.Invoke("warn", "some health checks cannot be excluded",
                [("missing-health-checks", string.Join(',', unknown))]);
        }

        var lines = new StringBuilder();
        bool failed = false;
        foreach (string check in checks.Where(check => single is null ? !excluded.Contains(check) : check == single))
        {
            string? fault = await CheckAsync(check, context.RequestAborted);
            metrics.CountCheck(type, check, fault is null);
            failed |= fault is not null;
            lines.Append(fault is null ? $"[+]{check} ok\n" : $"[-]{check} failed: {fault}\n");
        }

        if (failed)
        {
            await TextAsync(context, 503, lines.Append('\n').ToString());
            return;
        }

        await TextAsync(context, 200, (context.Request.Query.ContainsKey("verbose") ? lines.ToString() : "") + "ok\n");
    });

    private async Task<string?> CheckAsync(string check, CancellationToken cancellation)
    {
        switch (check)
        {
            case "data_corruption":
                return member.Alarms.Any(alarm => alarm.Alarm == AlarmType.Corrupt) ? "alarm activated: CORRUPT" : null;
            case "non_learner":
                return member.IsLearner ? "not supported for learner" : null;
            case "linearizable_read":
                try
                {
                    await member.ReadBarrierAsync(cancellation);
                    return null;
                }
                catch (EtcdException error)
                {
                    return error.Message;
                }

            default:
                // What a read needs and what may fail: the store is open and gives a view.
                using (member.Keyspace.Range(new RangeRequest { Key = ByteString.CopyFrom(0), Serializable = true }))
                {
                    return null;
                }
        }
    }

    private static Task OnlyGetAsync(HttpContext context, Func<Task> answer)
    {
        if (context.Request.Method == "GET")
        {
            return answer();
        }

        context.Response.Headers.Allow = "GET";
        return TextAsync(context, 405, "Method Not Allowed\n");
    }

    private static Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers["X-Content-Type-Options"] = "nosniff";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}
