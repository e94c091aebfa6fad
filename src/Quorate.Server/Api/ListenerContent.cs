namespace Quorate.Server.Api;

/// <summary>What a listener for clients serves (spec 06 §9.3).</summary>
public enum ListenerContent
{
    GrpcAndHttp,
    Grpc,
    Http,
}
