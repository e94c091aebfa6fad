namespace Quorate.Server.Hosting;

/// <summary>A URL as etcd takes it: a scheme, a host and a port, or the path of a socket (spec 06 §9.1).</summary>
public sealed record EtcdUrl(string Scheme, string Host, int Port, string Text)
{
    public bool IsTls => Scheme is "https" or "unixs";

    public bool IsUnix => Scheme is "unix" or "unixs";

    /// <summary>Why a text is no such URL; null if it is.</summary>
    public static string? Fault(string text)
    {
        string scheme = text.Split("://")[0];
        if (scheme == text || scheme is not ("http" or "https" or "unix" or "unixs"))
        {
            return $"URL scheme must be http, https, unix, or unixs: {text}";
        }

        string rest = text[(scheme.Length + 3)..];
        if (scheme is "unix" or "unixs")
        {
            return null;
        }

        int path = rest.IndexOf('/', StringComparison.Ordinal);
        string authority = path < 0 ? rest : rest[..path];
        int colon = authority.LastIndexOf(':');
        if (colon < 0 || authority.EndsWith(']') || !ushort.TryParse(authority.AsSpan(colon + 1), out _))
        {
            return $"URL address does not have the form \"host:port\": {text}";
        }

        return path < 0 ? null : $"URL must not contain a path: {text}";
    }

    public static EtcdUrl Parse(string text)
    {
        string scheme = text.Split("://")[0];
        string rest = text[(scheme.Length + 3)..];
        if (scheme is "unix" or "unixs")
        {
            return new EtcdUrl(scheme, rest, 0, text);
        }

        int colon = rest.LastIndexOf(':');
        return new EtcdUrl(scheme, rest[..colon].Trim('[', ']'), int.Parse(rest.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture), text);
    }

    /// <summary>A list as etcd reads it: without blanks and duplicates, and sorted.</summary>
    public static IReadOnlyList<EtcdUrl> ParseList(string text) =>
        [.. text.Split(',').Select(url => url.Trim()).Where(url => url.Length > 0).Distinct().Order(StringComparer.Ordinal).Select(Parse)];
}
