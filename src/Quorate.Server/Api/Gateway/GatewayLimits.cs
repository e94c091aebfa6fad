namespace Quorate.Server.Api.Gateway;

/// <summary>How much a request may be.</summary>
/// <param name="MaxReceiveBytes">Of a message in protobuf.</param>
internal readonly record struct GatewayLimits(int MaxReceiveBytes)
{
    /// <summary>Of its JSON, in which every byte may take several.</summary>
    public int MaxJsonBytes => 8 * MaxReceiveBytes;
}
