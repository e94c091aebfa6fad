using Google.Protobuf;
using Grpc.Core;

namespace Quorate.Server.Tests.Api;

/// <summary>Short forms of what the tests of services say often.</summary>
internal static class Calls
{
    public static ByteString Bytes(string text) => ByteString.CopyFromUtf8(text);

    /// <summary>The outcome of a call that must fail.</summary>
    public static (int Code, string Text) Failure(Action call)
    {
        RpcException error = Assert.Throws<RpcException>(call);
        return ((int)error.StatusCode, error.Status.Detail);
    }

    public static async Task<(int Code, string Text)> FailureAsync(Func<Task> call)
    {
        RpcException error = await Assert.ThrowsAsync<RpcException>(call);
        return ((int)error.StatusCode, error.Status.Detail);
    }

    public static Metadata With(string key, string value) => new() { { key, value } };
}
