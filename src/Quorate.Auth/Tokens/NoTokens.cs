using Quorate.Protocol;

namespace Quorate.Auth.Tokens;

/// <summary>No kind of token is configured: nobody can authenticate.</summary>
internal sealed class NoTokens : ITokens
{
    public string NewPrefix() => throw EtcdErrors.AuthenticationFailed;

    public string Assign(string user, string prefix, ulong index, ulong revision) => throw EtcdErrors.AuthenticationFailed;

    public AuthInfo? Resolve(string token, ulong currentRevision) => null;

    public ulong IndexOf(string token) => 0;

    public void Forget(string user)
    {
    }

    public void ForgetAll()
    {
    }
}
