using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Quorate.Server.Api;

/// <summary>What every plain HTTP request of a client passes first, in this order (spec 03 §8.6).</summary>
internal static class HttpGuard
{
    /// <summary>False if the request is answered here. A path of the beta is changed to its present one.</summary>
    public static async ValueTask<bool> PassAsync(HttpContext context, ServiceContext services)
    {
        string path = context.Request.Path.Value ?? "/";
        if (path.StartsWith("/v3beta/", StringComparison.Ordinal))
        {
            path = "/v3/" + path["/v3beta/".Length..];
            context.Request.Path = path;
        }

        bool isTls = context.Features.Get<ITlsConnectionFeature>() is not null;
        string host = context.Request.Host.Host.Trim('[', ']');
        if (!isTls && !services.Options.HostWhitelist.Contains("*") && !services.Options.HostWhitelist.Contains(host))
        {
            services.Log("warn", "rejecting HTTP request to prevent DNS rebinding attacks", ("host", context.Request.Host.Value));
            await MisdirectedAsync(context, host);
            return false;
        }

        if (isTls && services.Options.ClientCertAuth && services.Options.EnableGateway && services.Member.Auth.IsEnabled
            && path.StartsWith("/v3/", StringComparison.Ordinal)
            && context.Connection.ClientCertificate?.GetNameInfo(X509NameType.SimpleName, false) is { Length: > 0 })
        {
            await TextAsync(context, StatusCodes.Status400BadRequest,
                "CommonName of client sending a request against gateway will be ignored and not used as expected\n");
            return false;
        }

        IReadOnlyList<string> origins = services.Options.CorsOrigins;
        string origin = context.Request.Headers.Origin.ToString();
        bool isOpen = origins.Count == 0 || origins.Contains("*");
        if (isOpen || (origin.Length > 0 && origins.Contains(origin)))
        {
            context.Response.Headers.AccessControlAllowMethods = "POST, GET, OPTIONS, PUT, DELETE";
            context.Response.Headers.AccessControlAllowOrigin = isOpen ? "*" : origin;
            context.Response.Headers.AccessControlAllowHeaders = "accept, content-type, authorization";
        }

        return context.Request.Method != "OPTIONS";
    }

    private static Task MisdirectedAsync(HttpContext context, string host) => TextAsync(context, StatusCodes.Status421MisdirectedRequest, $"""

        etcd received your request, but the Host header was unrecognized.

        To fix this, choose one of the following options:
        - Enable TLS, then any HTTPS request will be allowed.
        - Add the hostname you want to use to the whitelist in settings.
          - e.g. etcd --host-whitelist "{host}"

        This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).


        """);

    private static Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}
