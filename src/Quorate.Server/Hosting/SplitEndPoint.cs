using System.Net;

namespace Quorate.Server.Hosting;

/// <summary>One of the two servers that share a port without TLS: the one for HTTP/2, or the one for HTTP/1.1.</summary>
internal sealed class SplitEndPoint(EndPoint address, bool isHttp2) : EndPoint
{
    public EndPoint Address => address;

    public bool IsHttp2 => isHttp2;

    public override string ToString() => address.ToString() ?? "";
}
