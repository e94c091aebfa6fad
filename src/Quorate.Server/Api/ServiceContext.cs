using System.Diagnostics;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Quorate.Auth;
using Quorate.Protocol;
using Quorate.Server.Operations;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>
/// What all services do around a call: who asks, may he, the header of the answer, and errors as etcd tells them.
/// </summary>
public sealed class ServiceContext(IMember member, ApiOptions options)
{
    private readonly RequestTimes _times = new(member.Options.Metrics);

    public IMember Member => member;

    /// <summary>Where the times of whole requests are told.</summary>
    public RequestTimes Times => _times;

    public ApiOptions Options => options;

    /// <summary>Bytes that a request may have on the wire.</summary>
    public int MaxReceiveBytes => member.Options.MaxRequestBytes + (512 * 1024);

    public ResponseHeader Header(long revision) => new()
    {
        ClusterId = member.ClusterId,
        MemberId = member.Id,
        RaftTerm = member.Term,
        Revision = revision,
    };

    /// <summary>A header with the current revision.</summary>
    public ResponseHeader Header() => Header(member.Keyspace.Revision);

    public ResponseHeader Fill(ResponseHeader? header)
    {
        header ??= new ResponseHeader();
        header.ClusterId = member.ClusterId;
        header.MemberId = member.Id;
        header.RaftTerm = member.Term;
        return header;
    }

    /// <summary>What holds for every call (spec 02 §12).</summary>
    /// <param name="learnerMay">A learner answers it too.</param>
    public void CheckCall(ServerCallContext call, bool learnerMay = false)
    {
        if (member.Cluster.Version is null)
        {
            throw AsOfVersion(EtcdErrors.NotCapable);
        }

        if (member.IsLearner && !learnerMay)
        {
            throw AsOfVersion(EtcdErrors.NotSupportedForLearner);
        }

        if (WantsLeader(call) && member.LeaderId == 0)
        {
            throw EtcdErrors.NoLeader;
        }
    }

    /// <summary>Before 3.6 some errors have another code (spec 02 §13).</summary>
    public EtcdException AsOfVersion(EtcdException error) =>
        member.Options.CompatVersion >= new Version(3, 6) ? error : new EtcdException(StatusCode.Unavailable, error.Message);

    /// <summary>The header of a request of the server's own: with auth on it is made in the name of somebody who may.</summary>
    public RequestHeader? InRootsName() =>
        member.Auth.IsEnabled ? new RequestHeader { Username = "root", AuthRevision = member.Auth.Revision } : null;

    public static bool WantsLeader(ServerCallContext call) => MetadataOf(call, "hasleader") == "true";

    /// <summary>
    /// Metadata of a call; null if it is not there. The collection of gRPC would be made of all headers for each call, so it is
    /// not asked for.
    /// </summary>
    public static string? MetadataOf(ServerCallContext call, string name) =>
        call is Gateway.GatewayCall gateway ? gateway.MetadataOf(name)
        : HttpOf(call).Request.Headers.TryGetValue(name, out Microsoft.Extensions.Primitives.StringValues values) ? values[0]
        : null;

    public static HttpContext HttpOf(ServerCallContext call) =>
        call is Rpc.DirectCall direct ? direct.Http : call.GetHttpContext();

    public void Log(string level, string message, params (string Key, object? Value)[] fields) =>
        member.Options.Log?.Invoke(level, message, fields);

    /// <summary>The caller's token as it was given; null for none.</summary>
    public static string? TokenOf(ServerCallContext call)
    {
        string? token = MetadataOf(call, "token") ?? MetadataOf(call, "authorization");
        return token is not null && token.StartsWith("Bearer ", StringComparison.Ordinal) ? token["Bearer ".Length..] : token;
    }

    /// <summary>Who calls (spec 03 §6.6); null while auth is off, and for somebody unknown.</summary>
    public async ValueTask<AuthInfo?> CallerAsync(ServerCallContext call)
    {
        if (!member.Auth.IsEnabled)
        {
            return null;
        }

        if (TokenOf(call) is { } token)
        {
            if (member.Auth.IndexOfToken(token) is > 0 and ulong index && index > member.AppliedIndex)
            {
                await member.WaitAppliedAsync(index, call.CancellationToken).ConfigureAwait(false);
            }

            return member.Auth.Resolve(token);
        }

        if (options.ClientCertAuth && HttpOf(call).Connection.ClientCertificate is { } certificate
            && call is not Gateway.GatewayCall)
        {
            return new AuthInfo(certificate.GetNameInfo(System.Security.Cryptography.X509Certificates.X509NameType.SimpleName,
                false), member.Auth.Revision);
        }

        return null;
    }

    public async ValueTask CheckAdminAsync(ServerCallContext call)
    {
        if (member.Auth.IsEnabled)
        {
            member.Auth.CheckAdmin(await CallerAsync(call).ConfigureAwait(false));
        }
    }

    public async ValueTask CheckCallerAsync(ServerCallContext call)
    {
        if (member.Auth.IsEnabled)
        {
            member.Auth.CheckCaller(await CallerAsync(call).ConfigureAwait(false));
        }
    }

    /// <summary>Returns when a read of the local state is linearizable; what goes wrong is counted.</summary>
    public ValueTask ReadBarrierAsync(CancellationToken cancellation)
    {
        ValueTask barrier = member.ReadBarrierAsync(cancellation);
        return barrier.IsCompletedSuccessfully ? barrier : CountAsync(barrier);

        async ValueTask CountAsync(ValueTask waiting)
        {
            try
            {
                await waiting.ConfigureAwait(false);
            }
            catch (EtcdException error)
            {
                (error.Message == EtcdErrors.TimedOut.Message ? member.Options.Metrics.SlowReads
                    : member.Options.Metrics.FailedReads).Add();
                throw;
            }
        }
    }

    /// <summary>Proposes a request in the name of its caller.</summary>
    public async ValueTask<T> ProposeAsync<T>(InternalRaftRequest request, AuthInfo? caller, CancellationToken cancellation)
        where T : class
    {
        if (caller is not null)
        {
            request.Header = new RequestHeader { Username = caller.Username, AuthRevision = caller.Revision };
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            var response = (T)await member.ProposeAsync(request, cancellation).ConfigureAwait(false);
            _times.Of(request, isSuccess: true).ObserveSince(start);
            return response;
        }
        catch (Exception error)
        {
            _times.Of(request, isSuccess: false).ObserveSince(start);
            if (error is OperationCanceledException or EtcdException { Code: StatusCode.Unavailable }
                || error.Message == EtcdErrors.TooManyRequests.Message)
            {
                member.Options.Metrics.FailedProposals.Add();
            }

            throw;
        }
    }

    /// <summary>
    /// Refuses what there is no space for, and raises the alarm (spec 02 §9). Before everything else: an empty key included.
    /// </summary>
    public void CheckQuota(long cost)
    {
        long quota = member.Quota;
        if (cost > 0 && quota > 0 && member.Backend.Size + cost >= quota)
        {
            _ = RaiseNoSpaceAsync();
            throw EtcdErrors.NoSpace;
        }
    }

    private async Task RaiseNoSpaceAsync()
    {
        var alarm = new AlarmRequest
        {
            Action = AlarmRequest.Types.AlarmAction.Activate,
            MemberID = member.Id,
            Alarm = AlarmType.Nospace
        };
        try
        {
            await member.ProposeAsync(new InternalRaftRequest { Alarm = alarm }, CancellationToken.None).ConfigureAwait(false);
        }
        catch (EtcdException)
        {
            // The next request that finds no space raises it again.
        }
    }

    /// <summary>Logs a call that took longer than it should (spec 06 §12.6).</summary>
    /// <param name="start">The time stamp of its begin.</param>
    public void LogIfSlow(ServerCallContext call, long start)
    {
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        if (took > options.SlowCall)
        {
            HttpContext http = HttpOf(call);
            Log("warn", "request stats", ("start time", (DateTime.UtcNow - took).ToString("O")), ("time spent", took),
                ("remote", $"{http.Connection.RemoteIpAddress}:{http.Connection.RemotePort}"), ("response type", call.Method),
                ("request count", -1), ("request size", -1), ("response count", -1), ("response size", -1),
                    ("request content", ""));
        }
    }

    /// <summary>Whether a read took longer than it should; then it is to be logged.</summary>
    public bool IsSlowRead(long start, out TimeSpan took) =>
        (took = Stopwatch.GetElapsedTime(start)) > member.Options.WarningApplyDuration;

    public void LogSlowRead(string prefix, TimeSpan took, string request, string response)
    {
        member.Options.Metrics.SlowApplies.Add();
        Log("warn", "apply request took too long", ("took", GoDuration.Format(took)),
            ("expected-duration", GoDuration.Format(member.Options.WarningApplyDuration)), ("prefix", prefix),
                ("request", request), ("response", response));
    }

    /// <summary>An error as the client is to see it.</summary>
    public static Exception Translate(Exception error, ServerCallContext call) => error switch
    {
        RpcException => error,
        EtcdException etcd => new RpcException(new Status(etcd.Code, etcd.Message)),
        OperationCanceledException when call.Deadline <= DateTime.UtcNow =>
            new RpcException(new Status(StatusCode.DeadlineExceeded, "context deadline exceeded")),
        OperationCanceledException => new RpcException(new Status(StatusCode.Cancelled, "context canceled")),
        _ => new RpcException(new Status(StatusCode.Unknown, error.Message)),
    };
}
