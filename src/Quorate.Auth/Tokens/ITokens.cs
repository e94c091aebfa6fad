namespace Quorate.Auth.Tokens;

/// <summary>Makes and reads tokens.</summary>
internal interface ITokens
{
    /// <summary>What is put into the log when somebody authenticates; empty where tokens are not replicated.</summary>
    string NewPrefix();

    /// <summary>The token that an applied authentication gives.</summary>
    string Assign(string user, string prefix, ulong index, ulong revision);

    /// <summary>Whose a token is; null if it is not valid.</summary>
    AuthInfo? Resolve(string token, ulong currentRevision);

    /// <summary>The log index that must be applied before a token can be known; 0 for none.</summary>
    ulong IndexOf(string token);

    void Forget(string user);

    void ForgetAll();
}
