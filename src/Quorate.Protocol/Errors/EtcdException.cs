using Grpc.Core;

namespace Quorate.Protocol;

/// <summary>An error that a client sees: a gRPC code and etcd's exact text.</summary>
public sealed class EtcdException(StatusCode code, string message) : Exception(message)
{
    public StatusCode Code => code;
}
