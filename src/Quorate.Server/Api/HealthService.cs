using Grpc.Core;
using Quorate.Protocol.Health;

namespace Quorate.Server.Api;

/// <summary>The health service of gRPC: the server as a whole serves, other services are not known (spec 03 §9).</summary>
internal sealed class HealthService(ServiceContext services) : Health.HealthBase
{
    private volatile bool _isServing = true;

    public void SetServing(bool isServing) => _isServing = isServing;

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context)
    {
        CheckCall(context);
        return request.Service.Length == 0
            ? Task.FromResult(Status())
            : throw new RpcException(new Status(StatusCode.NotFound, "unknown service"));
    }

    public override Task<HealthListResponse> List(HealthListRequest request, ServerCallContext context)
    {
        CheckCall(context);
        var response = new HealthListResponse();
        response.Statuses[""] = Status();
        return Task.FromResult(response);
    }

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream,
        ServerCallContext context)
    {
        CheckCall(context);
        await responseStream.WriteAsync(
            request.Service.Length == 0 ? Status()
                : new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.ServiceUnknown },
            context.CancellationToken).ConfigureAwait(false);
        try
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The caller has gone.
        }
    }

    private void CheckCall(ServerCallContext context)
    {
        try
        {
            services.CheckCall(context);
        }
        catch (Protocol.EtcdException error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }

    private HealthCheckResponse Status() => new()
    {
        Status = _isServing ? HealthCheckResponse.Types.ServingStatus.Serving
            : HealthCheckResponse.Types.ServingStatus.NotServing,
    };
}
